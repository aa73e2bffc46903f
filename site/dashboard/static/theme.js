// Light or dark: what the system prefers, or what was chosen here. A classic script in the head, so
// that nothing is painted in the wrong colours first.
{
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("dwell-theme");
    } catch {
      return null; // Storage may be forbidden; then the choice lasts as long as the page.
    }
  };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  };
  show(kept());

  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const present = () => root.dataset.theme ?? (prefersDark.matches ? "dark" : "light");

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => {
      button.textContent = present() === "dark" ? "Light" : "Dark";
      button.setAttribute("aria-label", `${button.textContent} colours`);
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      show(present() === "dark" ? "light" : "dark");
      try {
        localStorage.setItem("dwell-theme", present());
      } catch {}
      name();
    });
    prefersDark.addEventListener("change", name);
    name();
  });
}
