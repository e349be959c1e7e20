// What is wrong with a text that is no JSON (RFC 8259), in words that say what to do.

/** Where the text first goes deeper than 50 levels of lists and objects (parsers that recurse would crash); else null. */
export function tooDeep(text: string): number | null {
  let depth = 0;
  for (const { offset, char } of brackets(text)) {
    if (char === '{' || char === '[') depth++;
    else if (char !== '"') depth--;
    if (depth > 50) return offset;
  }
  return null;
}

/** The parser's error, said again with the offset where it is and the usual mistakes named. */
export function syntaxFault(text: string, error: unknown): { readonly offset: number; readonly message: string } {
  const reported = error instanceof Error && 'offset' in error && typeof error.offset === 'number' ? error.offset : 0;
  const offset = Math.min(Math.max(reported, 0), text.length);
  if (text.trim() === '') return { offset: 0, message: 'the file is empty: expected a JSON object' };
  if (unfinished(text)) return { offset: text.length, message: `the file ends too early: ${missing(text)}` };
  return { offset, message: `not valid JSON here: ${cause(text, offset)}` };
}

function cause(text: string, offset: number): string {
  const char = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  const before = text.slice(0, offset).trimEnd().at(-1) ?? '';
  const after = before === '' ? 'start' : /["\]}0-9a-z]/.test(before) ? 'value' : 'mark';
  if (char === '/' || char === '#') return 'JSON has no comments';
  if (char === "'") return 'expected double quotes, not single ones';
  if ((char === '}' || char === ']') && before === ',') return `remove the comma before ${char}`;
  if (/^-?0[0-9]/.test(text.slice(offset)) || (/[0-9]/.test(char) && /(^|[^0-9.])0$/.test(text.slice(0, offset))))
    return 'numbers have no leading zeros';
  if (after === 'value' && openBefore(text, offset).length === 0) return 'expected nothing more after the end';
  if (after === 'value' && /["{[\-0-9a-z]/.test(char)) return 'expected a comma or a colon before it';
  if (after === 'start') return 'expected a JSON object, starting with {';
  if (/[A-Za-z_]/.test(char)) return 'expected a value or a key in double quotes';
  return /[\x21-\x7e]/.test(char) ? `${char} is not expected` : 'this character is not expected';
}

/** The parser with positions reports an early end at some earlier token; the engine's own one tells it apart. */
function unfinished(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const [, position] = / at position ([0-9]+)/.exec(message) ?? [];
    return /^(Unexpected end|Unterminated string)/.test(message) || Number(position) >= text.trimEnd().length;
  }
}

function missing(text: string): string {
  const open = openBefore(text, text.length);
  if (open.at(-1)?.char === '"') return 'a string has no closing "';
  const closing = open.toReversed().map(({ char }) => (char === '{' ? '}' : ']'));
  return open.length === 0 ? 'expected more' : `expected ${closing.join('')} to close what is open`;
}

type Bracket = { readonly offset: number; readonly char: string };

/** The brackets, and last perhaps the quotation mark, that are open at an offset. */
function openBefore(text: string, end: number): readonly Bracket[] {
  const open: Bracket[] = [];
  for (const { offset, char } of brackets(text)) {
    if (offset >= end) break;
    if (char === '}' || char === ']' || (char === '"' && open.at(-1)?.char === '"')) open.pop();
    else open.push({ offset, char });
  }
  return open;
}

/** Brackets outside strings, and the quotation marks around strings, in order. */
function* brackets(text: string): Generator<Bracket> {
  let quoted = false;
  for (let offset = 0; offset < text.length; offset++) {
    const char = text[offset] ?? '';
    if (quoted && char === '\\') offset++;
    else if (char === '"') {
      quoted = !quoted;
      yield { offset, char };
    } else if (!quoted && /[{}[\]]/.test(char)) yield { offset, char };
  }
}
