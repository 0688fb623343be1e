/** Recordings and what is said in them: from a table beside them, from texts beside them, or from their names. */
import {
  bytesOf,
  column,
  formatOf,
  type Row,
  readTable,
  readWav,
  type Sound,
  type Source,
  usualName,
} from "../../data/index.ts";
import { DataError, quoted } from "../../errors.ts";
import type { Watch } from "../task.ts";

/** What somebody said. */
export interface Recording extends Sound {
  readonly name: string;
  readonly transcript: string;
  /** Who; "" where nobody knows. */
  readonly speaker: string;
  /** Number among the recordings of the same word by the same speaker, where names hold one. */
  readonly index: number | undefined;
}

/** Where a recording is and what is said there. */
interface Told extends Pick<Recording, "transcript" | "speaker" | "index"> {
  readonly file: () => Source;
  /** For messages: the row that names it. */
  readonly place: string;
}

/** How a table is read. */
export interface TableOptions {
  readonly path?: string | undefined;
  readonly text?: string | undefined;
  readonly case: "lower" | "keep";
}

const PATH_COLUMNS = ["path", "file", "wav", "audio", "filename", "file_name", "wav_filename"];
const TRANSCRIPT_COLUMNS = ["transcript", "transcription", "text", "sentence", "normalized_text"];
const SPEAKER_COLUMNS = ["speaker", "speaker_id", "client_id"];
const TABLE = /^(csv|tsv|jsonl|ndjson)$/;

const DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/** Names of the Free Spoken Digit Dataset: digit_speaker_index.wav. */
const DIGIT_NAME = /(?:^|[\\/])(\d)_([^\\/_]+)_(\d+)\.wav$/;

/** A transcript without spaces that say nothing, in one spelling of accents. */
export function cleaned(text: string, letters: "lower" | "keep"): string {
  const clean = text.normalize("NFC").replace(/\s+/g, " ").trim();
  return letters === "lower" ? clean.toLowerCase() : clean;
}

const stem = (name: string): string => name.replace(/\.[^./\\]*$/, "");

function textOf(row: Row, key: string, place: string, what: string): string {
  const value = row[key];
  const text = typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
  if (text === "") throw new DataError(`${place}: expected ${what} in column ${key}, got nothing; leave the row out`);
  return text;
}

/** The rows of a table with columns of paths, which are beside it, and of transcripts. */
async function fromTable(source: Source, options: TableOptions): Promise<Told[]> {
  const { beside } = source;
  if (!beside)
    throw new DataError(
      `table ${source.name}: expected a file or folder, as recordings lie beside it, got a table alone; give { name, files }`,
    );
  const usual = [...PATH_COLUMNS, ...TRANSCRIPT_COLUMNS, ...SPEAKER_COLUMNS];
  const asked = [options.path, options.text].filter((name) => name !== undefined);
  const table = await readTable(source, [...usual, ...asked]);
  const [path, text] = [
    column(table, options.path, PATH_COLUMNS, "first"),
    column(table, options.text, TRANSCRIPT_COLUMNS, "last"),
  ];
  const speaker = usualName(SPEAKER_COLUMNS, table.columns ?? []);
  return table.rows.map((row, i) => {
    const place = `table ${source.name}, line ${table.lines[i]}`;
    return {
      file: () => beside(textOf(row, path, place, "the path of a recording")),
      transcript: cleaned(textOf(row, text, place, "a transcript"), options.case),
      speaker: speaker === undefined ? "" : String(row[speaker] ?? ""),
      index: undefined,
      place,
    };
  });
}

/** What the name of a file says of spoken digits. */
function fromName(file: Source): Told {
  const [, digit, speaker = "", index] = DIGIT_NAME.exec(file.name) ?? [];
  return { file: () => file, transcript: DIGITS[Number(digit)] ?? "", speaker, index: Number(index), place: "" };
}

/** Sounds with a text of the same name beside each. */
async function fromTexts(sounds: readonly Source[], all: readonly Source[], options: TableOptions): Promise<Told[]> {
  const texts = new Map(all.filter(({ format }) => format === "txt").map((file) => [stem(file.name), file]));
  return Promise.all(
    sounds.map(async (file) => {
      const text = texts.get(stem(file.name));
      if (!text)
        throw new DataError(
          `data ${file.name}: expected its transcript in ${stem(file.name)}.txt or in a table with columns path and transcript, got neither; write one`,
        );
      const transcript = cleaned(await text.text(), options.case);
      if (transcript === "")
        throw new DataError(`data ${text.name}: expected a transcript, got an empty text; leave the recording out`);
      return { file: () => file, transcript, speaker: "", index: undefined, place: "" };
    }),
  );
}

/** The recordings of a folder, whichever way it says what is said in them. */
async function fromFolder(source: Source, files: readonly Source[], options: TableOptions): Promise<Told[]> {
  const tables = files.filter(({ format }) => TABLE.test(format));
  if (tables.length > 1)
    throw new DataError(
      `data ${source.name}: expected one table, got ${tables
        .map(({ name }) => name)
        .slice(0, 4)
        .join(" and ")}; name the one that is meant`,
    );
  if (tables[0]) return fromTable(tables[0], options);
  const sounds = files.filter(({ format }) => format === "wav");
  if (sounds.length === 0)
    throw new DataError(
      `data ${source.name}: expected recordings, got no .wav among ${files.length} files; convert them to WAV`,
    );
  if (sounds.every(({ name }) => DIGIT_NAME.test(name))) return sounds.map(fromName);
  return fromTexts(sounds, files, options);
}

async function told(source: Source, options: TableOptions): Promise<Told[]> {
  const files = await source.files?.();
  if (files) return fromFolder(source, files, options);
  if (TABLE.test(source.format)) return fromTable(source, options);
  if (source.name === "fsdd")
    throw new DataError(
      "data fsdd: expected the Free Spoken Digit Dataset in a folder fsdd of the data directory, got none; put it there and name the directory with --data-dir or DESCENT_DATA",
    );
  throw new DataError(
    `data ${source.name}: expected a folder of recordings, or a table (.csv, .tsv, .jsonl) with columns path and transcript, got ${quoted(formatOf(source.name))}; name one`,
  );
}

/** The sound of a file, of which nothing but WAV is read. */
export const soundOf = async (file: Source): Promise<Sound> => readWav(await bytesOf(file), file.name);

async function recorded({ file, place, ...rest }: Told): Promise<Recording> {
  try {
    const source = file();
    return { name: source.name, ...rest, ...(await soundOf(source)) };
  } catch (cause) {
    const named = place !== "" && cause instanceof DataError && !cause.message.startsWith(place);
    throw named ? new DataError(`${place}: ${cause.message}`, { cause }) : cause;
  }
}

/** All recordings of a source. Throws DataError naming the file, and the row that names it. */
export async function readRecordings(
  source: Source,
  options: TableOptions,
  { signal }: Watch = {},
): Promise<Recording[]> {
  const found: Recording[] = [];
  for (const one of await told(source, options)) {
    signal?.throwIfAborted();
    found.push(await recorded(one));
  }
  return found;
}
