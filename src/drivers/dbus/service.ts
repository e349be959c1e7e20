// Objects of ours: what callers ask is checked against what is declared, before any handler sees it.

import { OpError } from '../../error.ts';
import type { Exported, ServedInterface, Value, Variant } from './contract.ts';
import { refusalOf } from './contract.ts';
import { describeInterface, printIntrospection } from './introspect.ts';
import { mismatch } from './value.ts';
import { ERROR, type Message, NO_REPLY, RETURN, SIGNAL } from './wire.ts';
import { below, type Found, propertiesOf, standard, type Tree } from './standard.ts';

type Send = (message: Omit<Message, 'serial'>) => unknown;

export type Objects = {
  readonly answer: (call: Message) => void;
  readonly add: (path: string, interfaces: readonly ServedInterface[]) => Exported;
  readonly manage: (path: string) => void;
  readonly user: (name: string) => Promise<number>;
  /** The name is gone from the bus. */
  readonly forget: (name: string) => void;
};

/** `ask` gives the uid of the one behind a unique name. */
export function objects(send: Send, ask: (name: string) => Promise<number>): Objects {
  const tree = new Map<string, readonly ServedInterface[]>();
  const managers = new Set<string>();
  const users = new Map<string, number>();
  const what: Tree = { objects: tree, managers };

  const user = async (name: string): Promise<number> => {
    const known = users.get(name);
    if (known !== undefined) return known;
    const uid = await ask(name);
    // Unique names are never given twice; the others may get another owner.
    if (name.startsWith(':')) users.set(name, uid);
    return uid;
  };

  const signal = (path: string, name: string, member: string, signature: string, body: readonly Value[]): void =>
    void send({ type: SIGNAL, path, interface: name, member, signature, body });

  const tell = (path: string, member: string, signature: string, rest: Value): void => {
    const manager = [...managers].filter((one) => below(one, path)).toSorted((a, b) => b.length - a.length)[0];
    if (manager !== undefined) signal(manager, 'org.freedesktop.DBus.ObjectManager', member, signature, [path, rest]);
  };

  const add = (path: string, interfaces: readonly ServedInterface[]): Exported => {
    if (tree.has(path)) throw new OpError('internal', `${path} is on the bus already`);
    tree.set(path, interfaces);
    const of = (name: string): ServedInterface => {
      const found = tree.get(path) === interfaces ? interfaces.find((one) => one.name === name) : undefined;
      if (found === undefined) throw new OpError('internal', `${path} has no interface ${name}`);
      return found;
    };
    tell(
      path,
      'InterfacesAdded',
      'oa{sa{sv}}',
      Object.fromEntries(interfaces.map((one) => [one.name, propertiesOf(one)])),
    );
    return {
      emit: (name, member, args) => {
        const declared = of(name).signals?.[member];
        if (declared === undefined) throw new OpError('internal', `${name} has no signal ${member}`);
        const signature = declared.map((one) => one.signature).join('');
        const why = mismatch(signature, args);
        if (why !== null) throw new OpError('internal', `${name}.${member}: ${why}`);
        signal(path, name, member, signature, args);
      },
      changed: (name, names) => {
        const declared = of(name).properties ?? {};
        const sends = (property: string): boolean => (declared[property]?.emits ?? 'true') === 'true';
        const all = propertiesOf(of(name));
        const values = Object.fromEntries(names.filter(sends).map((property) => [property, all[property] as Variant]));
        const invalid = names.filter((property) => declared[property]?.emits === 'invalidates');
        if (Object.keys(values).length + invalid.length === 0) return;
        signal(path, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', 'sa{sv}as', [name, values, invalid]);
      },
      remove: () => {
        if (tree.get(path) !== interfaces) return;
        tree.delete(path);
        tell(
          path,
          'InterfacesRemoved',
          'oas',
          interfaces.map((one) => one.name),
        );
      },
    };
  };

  const answer = (call: Message): void => {
    const { sender = '', serial, flags = 0 } = call;
    const reply = (message: Pick<Message, 'type' | 'errorName' | 'signature' | 'body'>): void => {
      if ((flags & NO_REPLY) !== 0) return;
      try {
        send({ ...message, destination: sender, replySerial: serial });
      } catch {
        // The bus is gone, and the caller's call fails by that.
      }
    };
    const refuse = (error: unknown): void => {
      const [errorName, text] = told(error);
      reply({ type: ERROR, errorName, signature: 's', body: [text] });
    };
    try {
      const found = find(what, call);
      const go = async (): Promise<void> => {
        const results = await found.run(call.body ?? [], { name: sender, uid: await user(sender) });
        const why = mismatch(found.out, results);
        if (why !== null) throw new OpError('internal', `${call.member}: ${why}`);
        reply({ type: RETURN, signature: found.out, body: results });
      };
      go().catch(refuse);
    } catch (error) {
      refuse(error);
    }
  };

  return { answer, add, manage: (path) => void managers.add(path), user, forget: (name) => void users.delete(name) };
}

/** The method that is meant, its arguments' types checked. @throws with the standard error names. */
function find(tree: Tree, { path = '/', interface: wanted, member = '', signature = '' }: Message): Found {
  const own = tree.objects.get(path) ?? [];
  const nodes = children(tree, path);
  if (own.length === 0 && nodes.length === 0 && !tree.managers.has(path)) throw standard.unknownObject(path);
  const common: readonly ServedInterface[] = standard.interfaces(tree, path, () =>
    printIntrospection({ interfaces: [...common, ...own].map(describeInterface), nodes }),
  );
  const all = [...own, ...common];
  if (wanted !== undefined && !all.some(({ name }) => name === wanted)) throw standard.unknownInterface(path, wanted);
  const found = all.find(
    ({ name, methods = {} }) => (wanted === undefined || name === wanted) && Object.hasOwn(methods, member),
  );
  const method = found?.methods?.[member];
  if (method === undefined) throw standard.unknownMethod(member, wanted);
  const expected = method.in.map((one) => one.signature).join('');
  if (signature !== expected) throw standard.invalidArguments(member, expected, signature);
  return { out: method.out.map((one) => one.signature).join(''), run: method.call };
}

/** The names directly below a path, of objects and of those that lie further down. */
function children({ objects: known, managers }: Tree, path: string): readonly string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  const lower = [...known.keys(), ...managers].filter((one) => below(path, one));
  return [...new Set(lower.map((one) => one.slice(prefix.length).split('/')[0] ?? ''))].toSorted();
}

/** An error's name and words for the caller: never a stack, and nothing of an error that we did not throw on purpose. */
function told(error: unknown): readonly [string, string] {
  const own = refusalOf(error);
  if (own !== null && error instanceof OpError) return [own, error.message];
  if (error instanceof OpError && error.code !== 'internal') {
    const code = `${error.code[0]?.toUpperCase()}${error.code.slice(1)}`;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    return [`org.opdbus1.Error.${code}`, `${error.at === undefined ? '' : `${error.at}: `}${error.message}${hint}`];
  }
  return ['org.freedesktop.DBus.Error.Failed', 'an internal error of the service'];
}
