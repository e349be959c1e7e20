// The schema's issues in the file's own words: what was expected, from the descriptions in the schema.

import * as z from 'zod';
import { didYouMean } from './hint.ts';
import { type Finding, type Path, quote } from './problem.ts';

/** What the schema says about a value, one finding for each unknown key, missing key or bad value. */
export function findingsOf(schema: z.ZodType, value: unknown, issues: readonly z.core.$ZodIssue[]): readonly Finding[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    const here = lookup(schema, value, path);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        path: [...path, key],
        key: true,
        message: `unknown key ${quote(key)}`,
        ...didYouMean(key, keys(here)),
      }));
    const wanted = expected(here.schema, issue);
    if (here.value === undefined) return [{ path, message: `missing: expected ${wanted}` }];
    const hint =
      issue.code === 'custom' && typeof issue.params?.['hint'] === 'string'
        ? { hint: issue.params['hint'] }
        : issue.code === 'invalid_union' && here.value === 'group'
          ? { hint: 'op-dbus keeps no groups: write one flow for each way that packets may go.' }
          : {};
    return [{ path, message: `expected ${wanted}${contrast(here.value, issue)}`, ...hint }];
  });
}

/** Only of a value of the wrong type: strings are never quoted, since a secret may stand in the wrong place. */
function contrast(value: unknown, issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type' && issue.code !== 'invalid_union') return '';
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) return '';
  if (value === null) return ', not null';
  if (Array.isArray(value)) return ', not a list';
  if (typeof value === 'number') return Number.isInteger(value) ? ', not a number' : ', not a fraction';
  return typeof value === 'object' ? ', not an object' : `, not a ${typeof value}`;
}

function expected(schema: z.ZodType | undefined, issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union' && 'options' in issue) return alternatives(issue.options ?? []);
  if (schema === undefined) return 'something else';
  const described = describe(schema);
  if (described !== undefined) return described;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return alternatives(inner.options);
  if (inner instanceof z.ZodLiteral) return alternatives([...inner.values]);
  if (inner instanceof z.ZodBoolean) return 'true or false';
  if (inner instanceof z.ZodString) return 'a string';
  if (inner instanceof z.ZodArray) return `a list${bounds(issue)}`;
  return 'an object';
}

function bounds(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_small') return ' with at least one entry';
  return issue.code === 'too_big' ? ' with exactly one entry' : '';
}

function alternatives(options: readonly unknown[]): string {
  return options.map((option) => JSON.stringify(option)).join(' or ');
}

function describe(schema: z.ZodType): string | undefined {
  const own = schema.meta()?.description;
  const inner = step(schema);
  return own ?? (inner === undefined ? undefined : describe(inner));
}

function keys({ schema, value }: Place): readonly string[] {
  const object = schema === undefined ? undefined : resolve(schema, value);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner = step(schema);
  return inner === undefined ? schema : unwrap(inner);
}

/** What is inside optional, default and prefault. */
function step(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return schema.unwrap() as z.ZodType;
  return undefined;
}

type Place = { readonly schema: z.ZodType | undefined; readonly value: unknown };

/** The schema and the value at a path; of a union, the branch that the value's discriminator chooses. */
function lookup(schema: z.ZodType, value: unknown, path: Path): Place {
  return path.reduce<Place>(
    ({ schema: outer, value: whole }, key) => ({ schema: child(outer, whole, key), value: member(whole, key) }),
    { schema, value },
  );
}

function child(outer: z.ZodType | undefined, value: unknown, key: string | number): z.ZodType | undefined {
  const schema = outer === undefined ? undefined : resolve(outer, value);
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  return schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key)
    ? (schema.shape[key] as z.ZodType)
    : undefined;
}

function resolve(outer: z.ZodType, value: unknown): z.ZodType | undefined {
  const schema = unwrap(outer);
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const key = schema.def.discriminator;
  const chosen = member(value, key);
  return schema.options.find((option) => {
    const literal = option instanceof z.ZodObject ? option.shape[key] : undefined;
    return literal instanceof z.ZodLiteral && literal.values.has(chosen as string);
  }) as z.ZodType | undefined;
}

function member(whole: unknown, key: string | number): unknown {
  if (whole === null || typeof whole !== 'object' || !Object.hasOwn(whole, key)) return undefined;
  return (whole as Record<string | number, unknown>)[key];
}
