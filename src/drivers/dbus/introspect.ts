// Introspection data, read and written (D-Bus Specification, "Introspection Data Format").

import { OpError } from '../../error.ts';
import type { Access, Argument, InterfaceDescription, ObjectDescription, ServedInterface } from './contract.ts';

type Tag = { readonly name: string; readonly attributes: Readonly<Record<string, string>>; readonly children: Tag[] };

/** @throws OpError `protocol` for a text that is no introspection data. */
export function readIntrospection(xml: string): ObjectDescription {
  const root = parse(xml);
  return {
    interfaces: all(root, 'interface').map(described),
    nodes: all(root, 'node').flatMap(({ attributes: { name } }) => (name === undefined ? [] : [name])),
  };
}

export function printIntrospection({ interfaces, nodes }: ObjectDescription): string {
  const body = [...interfaces.flatMap(printInterface), ...nodes.map((name) => `  <node name="${name}"/>`)];
  return [
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"',
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">',
    '<node>',
    ...body,
    '</node>',
    '',
  ].join('\n');
}

/** What an interface of ours says of itself. */
export function describeInterface({
  name,
  methods = {},
  properties = {},
  signals = {},
}: ServedInterface): InterfaceDescription {
  return {
    name,
    methods: Object.entries(methods).map(([method, { in: input, out }]) => ({ name: method, in: input, out })),
    signals: Object.entries(signals).map(([signal, args]) => ({ name: signal, args })),
    properties: Object.entries(properties).map(([property, { signature, set, emits = 'true' }]) => ({
      name: property,
      signature,
      access: set === undefined ? 'read' : 'readwrite',
      emits,
    })),
  };
}

const emission = 'org.freedesktop.DBus.Property.EmitsChangedSignal';

function described(tag: Tag): InterfaceDescription {
  const own = emits(tag) ?? 'true';
  return {
    name: tag.attributes['name'] ?? '',
    methods: all(tag, 'method').map((method) => {
      const args = all(method, 'arg');
      const out = (arg: Tag): boolean => arg.attributes['direction'] === 'out';
      return {
        name: method.attributes['name'] ?? '',
        in: args.filter((arg) => !out(arg)).map(argument),
        out: args.filter(out).map(argument),
      };
    }),
    signals: all(tag, 'signal').map((signal) => ({
      name: signal.attributes['name'] ?? '',
      args: all(signal, 'arg').map(argument),
    })),
    properties: all(tag, 'property').map((property) => ({
      name: property.attributes['name'] ?? '',
      signature: property.attributes['type'] ?? '',
      access: (['write', 'readwrite'].find((one) => one === property.attributes['access']) ?? 'read') as Access,
      emits: emits(property) ?? own,
    })),
  };
}

function emits(tag: Tag): 'true' | 'invalidates' | 'const' | 'false' | undefined {
  const said = all(tag, 'annotation').find(({ attributes: { name } }) => name === emission)?.attributes['value'];
  return (['true', 'invalidates', 'const', 'false'] as const).find((one) => one === said);
}

function argument({ attributes }: Tag): Argument {
  return { name: attributes['name'] ?? '', signature: attributes['type'] ?? '' };
}

function all(tag: Tag, name: string): readonly Tag[] {
  return tag.children.filter((child) => child.name === name);
}

/** The elements of a document; texts are none of our concern. */
function parse(xml: string): Tag {
  const root: Tag = { name: '', attributes: {}, children: [] };
  const open: Tag[] = [root];
  const plain = xml.replaceAll(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*(\[[^\]]*\])?[^>]*>/g, '');
  for (const [whole, end, name = '', rest = ''] of plain.matchAll(
    /<(\/?)([A-Za-z_][\w.:-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>/g,
  )) {
    if (end === '/') {
      if (open.length === 1 || open.pop()?.name !== name) throw bad();
      continue;
    }
    const tag: Tag = { name, attributes: attributesOf(rest), children: [] };
    open.at(-1)?.children.push(tag);
    if (!whole.endsWith('/>')) open.push(tag);
  }
  const [node] = root.children;
  if (open.length !== 1 || node?.name !== 'node') throw bad();
  return node;
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  const found = [...text.matchAll(/([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)];
  return Object.fromEntries(found.map(([, name = '', double, single]) => [name, plainText(double ?? single ?? '')]));
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function plainText(text: string): string {
  return text.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => entities[name] ?? '');
}

function printInterface({ name, methods, signals, properties }: InterfaceDescription): readonly string[] {
  const args = (list: readonly Argument[], direction: string): readonly string[] =>
    list.map((arg) => `      <arg name="${arg.name}" type="${arg.signature}"${direction}/>`);
  return [
    `  <interface name="${name}">`,
    ...methods.flatMap((method) => [
      `    <method name="${method.name}">`,
      ...args(method.in, ' direction="in"'),
      ...args(method.out, ' direction="out"'),
      '    </method>',
    ]),
    ...signals.flatMap((signal) => [`    <signal name="${signal.name}">`, ...args(signal.args, ''), '    </signal>']),
    ...properties.flatMap(({ name: property, signature, access, emits: how }) => [
      `    <property name="${property}" type="${signature}" access="${access}">`,
      `      <annotation name="${emission}" value="${how}"/>`,
      '    </property>',
    ]),
    '  </interface>',
  ];
}

function bad(): OpError {
  return new OpError('protocol', 'the object describes itself by what is no introspection data');
}
