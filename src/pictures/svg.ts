/** Pictures as SVG text: readable without a program of ours, in light and in dark pages. */

/** Text that XML would take for its own. */
const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`).replace(/[^\t\n\x20-\u{10ffff}]/gu, "\ufffd");

type Attributes = Readonly<Record<string, string | number>>;

/** One element. Numbers get at most two decimals. */
export function element(name: string, attributes: Attributes, content: readonly string[] | string = ""): string {
  const shown = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === "number" ? String(Number(value.toFixed(2))) : escapeXml(value);
    return ` ${key}="${text}"`;
  });
  const inside = typeof content === "string" ? escapeXml(content) : content.join("");
  return inside ? `<${name}${shown.join("")}>${inside}</${name}>` : `<${name}${shown.join("")}/>`;
}

/** A picture of the given size with a title for those who cannot see it. */
export const picture = (width: number, height: number, title: string, content: readonly string[]): string =>
  `${element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "font-family": "system-ui, sans-serif",
      "font-size": 12,
      fill: "#888",
    },
    [element("title", {}, title), ...content],
  )}\n`;

/** Colours that differ in lightness as well as in hue. */
export const COLOURS = [
  "#2b7bba",
  "#e08214",
  "#1b9e77",
  "#9b59b6",
  "#c0392b",
  "#7f8c8d",
  "#b7950b",
  "#16a2b8",
] as const;

/** A number in few digits: 1234 · 12.3 · 0.0123 · 6.35e+34 */
export function digits(value: number): string {
  if (Math.abs(value) >= 1e9) return value.toExponential(2);
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
