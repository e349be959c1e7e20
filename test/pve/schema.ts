// Checks of values against rules, and property strings `name=eth0,bridge=vmbr0`, as PVE::JSONSchema words their faults. Pure.

import { Die, type Faults } from './die.ts';

export type Rule = {
  readonly type: 'string' | 'integer' | 'number' | 'boolean';
  /** Of a property string: whether the key may be missing. */
  readonly optional?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  readonly pattern?: RegExp;
  /** What is wrong with the value; null when nothing is. */
  readonly format?: (value: string) => string | null;
  /** The value is a property string of these keys. */
  readonly properties?: Readonly<Record<string, Rule>>;
  /** The key of a value that stands alone. */
  readonly defaultKey?: string;
};

export type Values = Readonly<Record<string, string>>;

/** The value as the configuration holds it; what is wrong is added to `faults` below `path`. */
export function check(path: string, value: string, rule: Rule, faults: Faults): string {
  const fault = (text: string): string => {
    faults[path] = text;
    return value;
  };
  if (rule.type === 'boolean') {
    if (/^(1|on|yes|true)$/i.test(value)) return '1';
    if (/^(0|off|no|false)$/i.test(value)) return '0';
    return fault(`type check ('boolean') failed - got '${value}'`);
  }
  if (rule.type === 'integer' && !/^[+-]?\d+$/.test(value))
    return fault(`type check ('integer') failed - got '${value}'`);
  if (rule.type === 'number' && !/^[+-]?(\d+\.?\d*|\.\d+)$/.test(value))
    return fault(`type check ('number') failed - got '${value}'`);
  if (rule.type !== 'string') {
    if (rule.minimum !== undefined && Number(value) < rule.minimum)
      return fault(`value must have a minimum value of ${rule.minimum}`);
    if (rule.maximum !== undefined && Number(value) > rule.maximum)
      return fault(`value must have a maximum value of ${rule.maximum}`);
  }
  if (rule.enum !== undefined && !rule.enum.includes(value))
    return fault(`value '${value}' does not have a value in the enumeration '${rule.enum.join(', ')}'`);
  if (rule.maxLength !== undefined && value.length > rule.maxLength)
    return fault(`value may only be ${rule.maxLength} characters long`);
  if (rule.pattern !== undefined && !rule.pattern.test(value)) return fault('value does not match the regex pattern');
  const wrong = rule.format?.(value) ?? null;
  if (wrong !== null) return fault(`invalid format - ${wrong}`);
  if (rule.properties === undefined) return value;
  try {
    return printProperties(parseProperties(value, rule, path), rule);
  } catch (error) {
    if (!(error instanceof Die)) throw error;
    return fault(`invalid format - ${error.message}`);
  }
}

/** The keys of a property string, normalized. @throws Die with what is wrong. */
export function parseProperties(text: string, { properties = {}, defaultKey }: Rule, path = ''): Values {
  const values: Record<string, string> = {};
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [, key = '', value = ''] = /^([^=]+)=(.+)$/s.exec(part) ?? [];
    const name = key === '' ? defaultKey : key;
    if (key === '' && part.includes('=')) throw new Die('missing key in comma-separated list property');
    if (name === undefined) throw new Die('value without key, but schema does not define a default key');
    if (Object.hasOwn(values, name)) throw new Die(`duplicate key in comma-separated list property: ${name}`);
    if (!Object.hasOwn(properties, name)) throw new Die(`invalid key in comma-separated list property: ${name}`);
    values[name] = key === '' ? part : value;
  }
  const faults: Faults = {};
  const place = path === '' ? '' : `${path}.`;
  for (const [key, rule] of Object.entries(properties)) {
    const value = values[key];
    if (value !== undefined) values[key] = check(`${place}${key}`, value, rule, faults);
    else if (rule.optional !== true) faults[`${place}${key}`] = 'property is missing and it is not optional';
  }
  if (Object.keys(faults).length > 0)
    throw new Die(['format error', ...Object.entries(faults).map(([field, fault]) => `${field}: ${fault}`)].join('\n'));
  return values;
}

/** The default key's value first and bare, then what is required, then the rest, each sorted. */
export function printProperties(values: Values, { properties = {}, defaultKey }: Rule): string {
  const keys = Object.keys(values).toSorted();
  const rank = (key: string): number => (key === defaultKey ? 0 : properties[key]?.optional === true ? 2 : 1);
  return keys
    .toSorted((a, b) => rank(a) - rank(b))
    .map((key) => (key === defaultKey ? values[key] : `${key}=${values[key]}`))
    .join(',');
}
