/** What survives a visit, where the browser allows it. */

// Storage is refused in some embeds and private windows; the page works without it.
export function read(key: string): string | null {
  try {
    return localStorage.getItem(`glitchscope:${key}`);
  } catch {
    return null;
  }
}

export function write(key: string, value: string): void {
  try {
    localStorage.setItem(`glitchscope:${key}`, value);
  } catch {
    // The choice holds for this visit.
  }
}
