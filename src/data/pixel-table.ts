/** Square gray pictures as rows of numbers from 0 to 255, with a column of labels, as MNIST is often kept in csv. */
import { DataError, quoted } from "../errors.ts";
import type { Picture } from "./picture.ts";
import { linesOf, type Source } from "./source.ts";
import { LABEL_COLUMNS, usualName } from "./table.ts";

/** How the columns of a table are meant. */
interface Form {
  readonly separator: string;
  readonly columns: number;
  /** Place of the label; -1 where there is none. */
  readonly label: number;
  /** Pixels on a side. */
  readonly side: number;
  readonly header: boolean;
}

const cellsOf = (line: string, separator: string): string[] =>
  line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));

/** The form that the first line says. Throws DataError where the columns are no square. */
function formOf(line: string, source: Source, asked: string | undefined): Form {
  const separator = source.format === "tsv" || line.includes("\t") ? "\t" : line.includes(",") ? "," : ";";
  const cells = cellsOf(line, separator);
  const header = cells.some((cell) => !/^\d+$/.test(cell));
  const square = (count: number): boolean => Number.isInteger(Math.sqrt(count)) && count > 0;
  const named = asked ?? (header ? usualName(LABEL_COLUMNS, cells) : undefined);
  const place = named === undefined ? (square(cells.length) ? -1 : 0) : placeOf(named, cells);
  const pixels = cells.length - (place < 0 ? 0 : 1);
  if (named !== undefined && place < 0)
    throw new DataError(
      `table ${source.name}: expected a column ${quoted(named)}, got ${cells.slice(0, 4).join(", ")}, ...; name the column of labels`,
    );
  if (!square(pixels))
    throw new DataError(
      `table ${source.name}: expected columns path and label, or a label and the pixels of a square, got ${cells.length} columns; a picture of 28x28 has 784 pixels`,
    );
  return { separator, columns: cells.length, label: place, side: Math.sqrt(pixels), header };
}

/** The column called so, or with that number from 1; -1 where there is none. */
function placeOf(asked: string, cells: readonly string[]): number {
  const place = cells.indexOf(asked);
  const number = /^\d+$/.test(asked) ? Number(asked) - 1 : -1;
  return place >= 0 || number >= cells.length ? place : number;
}

function pictureOf(line: string, { separator, columns, label, side }: Form, place: string): Omit<Picture, "name"> {
  const cells = cellsOf(line, separator);
  if (cells.length !== columns)
    throw new DataError(
      `${place}: expected ${columns} columns as in the first row, got ${cells.length}; it is cut off`,
    );
  const [said] = label < 0 ? [] : cells.splice(label, 1);
  if (said === "") throw new DataError(`${place}: expected a label, got nothing; leave the row out`);
  const odd = cells.find((cell) => !/^\d{1,3}(\.0*)?$/.test(cell) || Number(cell) > 255);
  if (odd !== undefined)
    throw new DataError(`${place}: expected pixels as whole numbers from 0 to 255, got ${quoted(odd)}; correct it`);
  const data = Uint8Array.from(cells, Number);
  return { width: side, height: side, channels: 1, data, ...(said !== undefined && { label: said }) };
}

/**
 * The pictures of a table of pixels, with or without a header, the label in the column `label` or a usual one, else in the
 * first of 1 + n² columns. Throws DataError naming the line.
 */
export async function readPixelTable(source: Source, label?: string, signal?: AbortSignal): Promise<Picture[]> {
  const pictures: Picture[] = [];
  let form: Form | undefined;
  let number = 0;
  for await (const raw of linesOf(source)) {
    number++;
    const line = raw.replace(/^\ufeff/, "");
    if (line.trim() === "") continue;
    if (number % 1000 === 0) signal?.throwIfAborted();
    const first = form === undefined;
    form ??= formOf(line, source, label);
    if (first && form.header) continue;
    const place = `table ${source.name}, line ${number}`;
    pictures.push({ name: String(pictures.length), ...pictureOf(line, form, place) });
  }
  return pictures;
}
