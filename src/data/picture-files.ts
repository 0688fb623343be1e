/**
 * Which pictures a folder or a table means, and what their labels are: a folder for each class, a folder without classes,
 * or a table with the paths of pictures, which lie beside it.
 */
import { safeParts } from "../checkpoint/index.ts";
import { CheckpointError, DataError, quoted } from "../errors.ts";
import { bytesOf, isAbsent, linesOf, type Source } from "./source.ts";
import { column, LABEL_COLUMNS, parseRow, readTable, recordsOf, usualName } from "./table.ts";

/** A picture that is still a file. */
export interface PictureFile {
  readonly name: string;
  readonly label?: string;
  read(): Promise<Uint8Array>;
}

/** Which columns of a table are meant. */
export interface TableColumns {
  readonly path?: string | undefined;
  readonly label?: string | undefined;
}

const PATH_COLUMNS = ["path", "file", "filename", "file_name", "image", "image_path", "img", "picture"];
const TABLE = /^(csv|tsv|jsonl|ndjson)$/;
/** Endings of pictures: those that can be read, and others, of which it is said that they cannot. */
const PICTURE = /\.(png|apng|jpe?g|jpe|jfif|webp|gif|bmp|tiff?|avif|hei[cf]|jxl|jp2)$/i;

export const isTable = ({ format }: Source): boolean => TABLE.test(format);

/** Where a file is in its folder. */
const placeOf = ({ path, name }: Source): string => (path ?? name).replaceAll("\\", "/");
const isHidden = (file: Source): boolean => /(^|\/)(\.|__MACOSX\/)/.test(placeOf(file));

/** The cells of the first line that is not blank, or the keys of its record. */
async function firstCells(source: Source): Promise<readonly string[]> {
  for await (const line of linesOf(source)) {
    if (line.trim() === "") continue;
    if (/^(jsonl|ndjson)$/.test(source.format)) return Object.keys(parseRow(line, `table ${source.name}, line 1`));
    return recordsOf(line.replace(/^\ufeff/, ""), source)[0]?.cells ?? [];
  }
  return [];
}

/** Whether a table names files of pictures, as opposed to holding their pixels or something else. */
export async function namesPictures(source: Source, { path }: TableColumns): Promise<boolean> {
  const cells = (await firstCells(source)).map((cell) => cell.trim());
  const named = usualName(PATH_COLUMNS, cells) !== undefined || cells.some((cell) => PICTURE.test(cell));
  return named || (path !== undefined && (cells.includes(path) || /^\d+$/.test(path)));
}

/** A path of a table as a file beside it. Throws DataError on one that leads out of its folder. */
function besideTable(beside: NonNullable<Source["beside"]>, given: string, place: string): [string, Source] {
  const path = given.replaceAll("\\", "/").replace(/^(\.\/)+/, "");
  try {
    return [path, beside(safeParts(path).join("/"))];
  } catch (cause) {
    if (!(cause instanceof CheckpointError || cause instanceof DataError)) throw cause;
    throw new DataError(`${place}: ${cause.message}; paths begin at the table's folder and stay in it`, { cause });
  }
}

/** The bytes of the file that a row of a table names. */
async function readNamed(file: Source, path: string, place: string): Promise<Uint8Array> {
  try {
    return await bytesOf(file);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    const what = isAbsent(cause) ? `expected the file ${quoted(path)} beside the table, got none` : cause.message;
    throw new DataError(`${place}: ${what}; correct the path or leave the row out`, { cause });
  }
}

/** The pictures that a table names. Throws DataError naming the line. */
export async function filesOfTable(source: Source, { path, label }: TableColumns): Promise<PictureFile[]> {
  const { name, beside } = source;
  if (!beside)
    throw new DataError(
      `table ${name}: expected a file or folder, as pictures lie beside it, got a table alone; give { name, files }`,
    );
  const table = await readTable(source, [...PATH_COLUMNS, path ?? "path", label ?? "label"]);
  const usual = usualName(LABEL_COLUMNS, table.columns ?? []);
  const alone = table.columns === undefined ? Object.keys(table.rows[0] ?? {}).length < 2 : usual === undefined;
  const paths = column(table, path, PATH_COLUMNS, "first");
  const labels = label === undefined && alone ? undefined : column(table, label, LABEL_COLUMNS, "last");
  return table.rows.map((row, i) => {
    const place = `table ${name}, line ${table.lines[i]}`;
    const [given, said] = [paths, labels].map((key) => (key === undefined ? "" : String(row[key] ?? "").trim()));
    if (!given) throw new DataError(`${place}: expected a path in column ${paths}, got nothing; leave the row out`);
    if (labels !== undefined && !said)
      throw new DataError(
        `${place}: expected a label in column ${labels}, got nothing; give all rows a label, or name another column with label`,
      );
    const [inside, file] = besideTable(beside, given, place);
    return { name: inside, ...(said && { label: said }), read: () => readNamed(file, inside, place) };
  });
}

/** The pictures of a folder, each labelled by the folder it is in; without labels where all are in one. */
function filesOfFolder(name: string, pictures: readonly Source[]): PictureFile[] {
  const classOf = (file: Source): string | undefined => placeOf(file).split("/").at(-2);
  const loose = pictures.find((file) => classOf(file) === undefined);
  const classed = pictures.find((file) => classOf(file) !== undefined);
  if (loose && classed)
    throw new DataError(
      `data ${name}: expected all pictures in folders of their classes or none, got ${placeOf(loose)} beside ${placeOf(classed)}; move one of them`,
    );
  const several = new Set(pictures.map(classOf)).size > 1;
  return pictures.map((file) => {
    const label = several ? classOf(file) : undefined;
    return { name: placeOf(file), ...(label !== undefined && { label }), read: () => bytesOf(file) };
  });
}

/** What a folder holds: pictures, or a table of pixels. */
export type FolderContent = { readonly files: readonly PictureFile[] } | { readonly table: Source };

const oneOf = (name: string, tables: readonly Source[]): Source => {
  const [table] = tables;
  if (table && tables.length === 1) return table;
  const names = tables.slice(0, 4).map(placeOf);
  throw new DataError(`data ${name}: expected one table, got ${names.join(" and ")}; name the one that is meant`);
};

/**
 * The pictures of a folder: those that a table in it names, else all of it. Throws DataError where there are none, or it is
 * not clear which are meant.
 */
export async function contentOf(name: string, all: readonly Source[], columns: TableColumns): Promise<FolderContent> {
  const visible = all.filter((file) => !isHidden(file));
  const tables = visible.filter(isTable);
  const naming = await Promise.all(tables.map((table) => namesPictures(table, columns)));
  const lists = tables.filter((_, i) => naming[i]);
  if (lists.length > 0) return { files: await filesOfTable(oneOf(name, lists), columns) };
  const pictures = visible.filter((file) => PICTURE.test(placeOf(file)));
  if (pictures.length > 0) return { files: filesOfFolder(name, pictures) };
  if (tables.length > 0) return { table: oneOf(name, tables) };
  throw new DataError(
    `data ${name}: expected PNG, JPEG or WebP files, IDX or csv, got none among ${visible.length} files; name another folder`,
  );
}
