// Line icons on a grid of 20 units.
import { svg } from "./dom.js"

const paths = {
  chat: "M4 4.5h12a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5H9L5 17.5v-3H4A1.5 1.5 0 0 1 2.5 13V6A1.5 1.5 0 0 1 4 4.5z",
  models: "M10 2.5l7 3.7-7 3.8-7-3.8zM3 10l7 3.8L17 10M3 13.8l7 3.7 7-3.7",
  pulse: "M2.5 10.5h3.2l2.3-6 3.8 11 2.3-5h3.4",
  list: "M7 5h10M7 10h10M7 15h10M3 5h.5M3 10h.5M3 15h.5",
  key: "M12.5 3a4.5 4.5 0 1 1-3.9 6.7L3 15.3V17h2.5v-1.8h1.8v-1.8H9M13.5 6.5h.01",
  help: "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM7.8 7.8a2.3 2.3 0 1 1 3.4 2c-.8.4-1.2.9-1.2 1.7M10 14.2h.01",
  sun: "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.5v1.8M10 16.7v1.8M1.5 10h1.8M16.7 10h1.8M4 4l1.3 1.3M14.7 14.7L16 16M4 16l1.3-1.3M14.7 5.3L16 4",
  moon: "M16.8 12A7 7 0 0 1 8 3.2 7 7 0 1 0 16.8 12z",
  system: "M3 4h14v9.5H3zM7.5 17h5M10 13.5V17",
  plus: "M10 4v12M4 10h12",
  cross: "M5 5l10 10M15 5L5 15",
  check: "M4 10.5l4 4 8-9",
  search: "M8.8 3.5a5.3 5.3 0 1 1 0 10.6 5.3 5.3 0 0 1 0-10.6zM12.8 12.8l4 4",
  send: "M10 16.5v-13M4.5 9L10 3.5 15.5 9",
  stop: "M5.5 5.5h9v9h-9z",
  copy: "M7 7h9.5v9.5H7zM4.5 13h-1V3.5H13v1",
  retry: "M16 10a6 6 0 1 1-1.8-4.3L16 7.5M16 3.5v4h-4",
  edit: "M12.7 4.3l3 3L7 16H4v-3zM11 6l3 3",
  branch: "M6 3v9.5M6 12.5a2 2 0 1 1-.01 0zM14 3.5a2 2 0 1 1-.01 0zM14 7.5c0 3.5-4.5 3-7.5 5",
  next: "M7.5 4.5L13 10l-5.5 5.5",
  back: "M12.5 4.5L7 10l5.5 5.5",
  down: "M4.5 7.5L10 13l5.5-5.5",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  settings: "M3 6h7M14 6h3M3 14h3M10 14h7M12 4a2 2 0 1 1-.01 0zM8 12a2 2 0 1 1-.01 0z",
  sidebar: "M3 4h14v12H3zM8 4v12",
  compare: "M3 4h6v12H3zM11 4h6v12h-6z",
  trash: "M3.5 5.5h13M8 5.5V3.5h4v2M5 5.5l.8 11h8.4l.8-11M8.5 8.5v5M11.5 8.5v5",
  download: "M10 3v10M5.5 9l4.5 4.5L14.5 9M4 16.5h12",
  upload: "M10 13.5v-10M5.5 8L10 3.5 14.5 8M4 16.5h12",
  tool: "M12.5 3.3a4 4 0 0 0-3.6 5.6L3.5 14.3l2.2 2.2 5.4-5.4a4 4 0 0 0 5.4-5L14 8.5 11.5 6 14 3.6a4 4 0 0 0-1.5-.3z",
  server: "M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.01M6 13.5h.01",
  thought: "M10 3a5 5 0 0 1 3 9v2H7v-2a5 5 0 0 1 3-9zM8 17h4",
  play: "M6 4l10 6-10 6z",
  pause: "M6.5 4v12M13.5 4v12",
  attach: "M15.5 9.5L10 15a3.5 3.5 0 0 1-5-5l6-6a2.4 2.4 0 0 1 3.4 3.4l-5.7 5.7a1.2 1.2 0 0 1-1.7-1.7L12 6.5",
  microphone: "M10 2.5a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0V5A2.5 2.5 0 0 1 10 2.5zM4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5",
  speaker: "M3 7.5h3L10.5 4v12L6 12.5H3zM13.5 7a4.5 4.5 0 0 1 0 6M15.5 4.5a8 8 0 0 1 0 11",
  file: "M5 2.5h6.5L15 6v11.5H5zM11.5 2.5V6H15",
  warning: "M10 3l7.5 13.5h-15zM10 8.5v3.5M10 14.3h.01",
  pin: "M7 3h6l-.8 5 2.3 3H5.5l2.3-3zM10 11v6",
  clock: "M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15zM10 6v4.2l2.8 1.8",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l3-3a3 3 0 0 0-4.3-4.3l-1 1M11.5 8.5a3 3 0 0 0-4.3 0l-3 3a3 3 0 0 0 4.3 4.3l1-1",
  chip: "M6 6h8v8H6zM8 3v3M12 3v3M8 14v3M12 14v3M3 8h3M3 12h3M14 8h3M14 12h3",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  blank: "",
  keyboard: "M2.5 5h15v10h-15zM5.5 8h.01M8.5 8h.01M11.5 8h.01M14.5 8h.01M6 12h8",
}

export const names = Object.keys(paths)

/** Returns the icon as an SVG element, hidden from screen readers. */
export function icon(name, size = 20) {
  const path = svg("path", { d: paths[name] ?? paths.more, ...name === "more" && { "stroke-width": 2.2 } })
  return svg("svg", {
    viewBox: "0 0 20 20", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": 1.5,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false", class: `icon icon-${name}`,
  }, path)
}
