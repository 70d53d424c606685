// SPDX-License-Identifier: MIT
// Line charts as SVG: no fonts, scripts or styles from elsewhere, and the same bytes for the same numbers.

/** A line: a value for each x of the chart; NaN is a gap. */
export interface ChartLine {
  readonly name: string;
  readonly values: Float64Array;
}

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly x: Float64Array;
  readonly lines: readonly ChartLine[];
}

const [WIDTH, HEIGHT] = [860, 360];
const MARGIN = { left: 66, right: 20, top: 40, bottom: 46 };
const PLOT = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#8c564b'];
/** More lines than this have no names beside them. */
const MAX_NAMED = COLOURS.length;
const TICKS = 6;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Round numbers from 0 up to the first at or above `max`. */
export function axisTicks(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((n) => n * power >= rough * 0.999999) ?? 10) * power;
  const count = Math.ceil(max / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

const tickText = (value: number): string =>
  value >= 1e6 ? `${value / 1e6}M` : value >= 10_000 ? `${value / 1000}k` : String(value);

function largest(lines: readonly ChartLine[]): number {
  let max = 0;
  for (const { values } of lines) for (const value of values) if (value > max) max = value;
  return max;
}

/** The line's path. Of several points in one pixel the lowest and the highest are drawn. */
function path(x: Float64Array, values: Float64Array, at: (x: number, y: number) => readonly [number, number]): string {
  const out: string[] = [];
  let pen = 'M';
  let column = -1;
  let [low, high] = [0, 0];
  const flush = (): void => {
    if (column < 0) return;
    out.push(`${pen}${column} ${low.toFixed(1)}`);
    if (high !== low) out.push(`L${column} ${high.toFixed(1)}`);
    pen = 'L';
  };
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) {
      flush();
      column = -1;
      pen = 'M';
      continue;
    }
    const [px, py] = at(x[i], value);
    const pixel = Math.round(px * 2) / 2;
    if (pixel === column) {
      low = Math.max(low, py);
      high = Math.min(high, py);
      continue;
    }
    flush();
    column = pixel;
    low = high = py;
  }
  flush();
  return out.join('');
}

/** Draws a chart. */
export function chartSvg(chart: Chart): string {
  const { x, lines } = chart;
  const yTicks = axisTicks(largest(lines));
  const xTicks = axisTicks(x.at(-1) ?? 1).filter((tick) => tick <= (x.at(-1) ?? 1) * 1.0001);
  const [xMax, yMax] = [x.at(-1) ?? 1, yTicks.at(-1) ?? 1];
  const px = (value: number): number => MARGIN.left + (value / (xMax || 1)) * PLOT.width;
  const py = (value: number): number => MARGIN.top + PLOT.height - (value / yMax) * PLOT.height;
  const bottom = MARGIN.top + PLOT.height;
  const text = (at: readonly [number, number], anchor: string, words: string, more = ''): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}"${more}>${escape(words)}</text>`;
  const grid = yTicks.flatMap((tick) => [
    `<path d="M${MARGIN.left} ${py(tick).toFixed(1)}h${PLOT.width}" stroke="#ddd"/>`,
    text([MARGIN.left - 6, py(tick) + 4], 'end', tickText(tick)),
  ]);
  const steps = xTicks.flatMap((tick) => [
    `<path d="M${px(tick).toFixed(1)} ${bottom}v5" stroke="#555"/>`,
    text([px(tick), bottom + 18], 'middle', tickText(tick)),
  ]);
  const named = lines.length <= MAX_NAMED;
  const drawn = lines.map(
    ({ values }, i) =>
      `<path d="${path(x, values, (a, b) => [px(a), py(b)])}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="${named ? 1.4 : 0.6}"${named ? '' : ' opacity="0.5"'}/>`,
  );
  let legendX = MARGIN.left;
  const legend = named
    ? lines.flatMap(({ name }, i) => {
        const at = legendX;
        legendX += 30 + name.length * 6.6;
        return [
          `<path d="M${at.toFixed(1)} 30h14" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="3"/>`,
          text([at + 18, 34], 'start', name),
        ];
      })
    : [text([MARGIN.left, 34], 'start', `${lines.length} connections`)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text([MARGIN.left, 18], 'start', chart.title, ' font-size="14" font-weight="bold"'),
    ...grid,
    ...steps,
    `<path d="M${MARGIN.left} ${MARGIN.top}v${PLOT.height}h${PLOT.width}" fill="none" stroke="#555"/>`,
    ...drawn,
    ...legend,
    text([MARGIN.left + PLOT.width / 2, HEIGHT - 8], 'middle', chart.xTitle),
    text(
      [14, MARGIN.top + PLOT.height / 2],
      'middle',
      chart.yTitle,
      ` transform="rotate(-90 14 ${MARGIN.top + PLOT.height / 2})"`,
    ),
    '</svg>',
    '',
  ].join('\n');
}
