/** Numbers as people read them. Percentages and counts look the same in every language of the page. */

/** 12345 → `12,345` */
export function count(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** 0.407 → `41 %`; small shares keep a digit, and 1 is only shown when it is 1. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const value = 100 * share;
  if (value > 99 && value < 100) return `${(Math.floor(value * 10) / 10).toFixed(1)} %`;
  return value > 0 && value < 1 ? `${value < 0.1 ? "< 0.1" : value.toFixed(1)} %` : `${value.toFixed(0)} %`;
}

/** Three digits behind the point; very small numbers as powers of ten. */
export function probability(p: number): string {
  if (!Number.isFinite(p)) return "–";
  return p > 0 && p < 0.0005 ? p.toExponential(0).replace("e-", "e−") : p.toFixed(3);
}

export function decimal(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

/** 2136256 → `2.1 MB` */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** 124439808 → `124 M` */
export function parameters(value: number): string {
  for (const [limit, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]] as const) {
    if (value >= limit) return `${value >= 100 * limit ? (value / limit).toFixed(0) : (value / limit).toFixed(1)} ${unit}`;
  }
  return `${value}`;
}

/** 75 s → `1 min 15 s` */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Per second, three significant digits at most. */
export function rate(value: number): string {
  if (!Number.isFinite(value) || value <= 0) return "–";
  return value >= 100 ? count(value) : value.toFixed(value >= 10 ? 0 : 1);
}
