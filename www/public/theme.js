// Before the first paint, or a page that was chosen dark would flash light. See src/state/preferences.ts.
try {
  const theme = localStorage.getItem("glitchscope:theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme is taken.
}
