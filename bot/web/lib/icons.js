// Line icons on a 24 × 24 grid.

const ICONS = {
  play: "M8 5v14l11-7z",
  pause: "M8 5v14M16 5v14",
  next: "M6 5v14l10-7zM18 5v14",
  previous: "M18 5v14L8 12zM6 5v14",
  again: "M5 12a7 7 0 0 1 12-5l2 2M19 4v5h-5M19 12a7 7 0 0 1-12 5l-2-2M5 20v-5h5",
  vary: "M4 8c4-6 6 6 10 0s4 0 6 0M4 16c4-6 6 6 10 0s4 0 6 0",
  extend: "M4 12h14M13 6l6 6-6 6M4 6v12",
  replace: "M4 8h13l-3-3M20 16H7l3 3",
  remix: "M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h10M18 17h2M16 15v4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700l-1.200 1.200M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700l1.200-1.200",
  queue: "M4 6h11M4 11h11M4 16h7M15 14v6l5-3z",
  flag: "M6 21V4M6 5h11l-2.500 4 2.500 4H6",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  film: "M4 6h16v12H4zM10 9.500v5l4.500-2.500z",
  volume: "M4 10v4h4l5 4V6l-5 4zM16.500 9a4 4 0 0 1 0 6M19 6.500a8 8 0 0 1 0 11",
  close: "M6 6l12 12M18 6 6 18",
  file: "M6 3h8l4 4v14H6zM14 3v4h4M10 16.500V11l4-1v5",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M12 12h.01",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon", `icon-${name}`);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
