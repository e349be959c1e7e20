// The ways of protection that the bench compares, and how home and the VPS are told.

import { ask, writeInside } from '../../../src/lab/host.ts';
import { startPlain, stopPlain } from '../../lab/plain.ts';
import { carries } from '../../lab/uplink.ts';
import type { Pace } from './visits.ts';

export type Mode = {
  readonly name: string;
  readonly what: string;
  readonly enter: () => Promise<void>;
  readonly leave: () => Promise<void>;
  readonly pace: Pace;
};

const nothing = (): Promise<void> => Promise.resolve();
const quiet: Pace = { from: 'client', window: 3, rest: 0.3, whole: false };
const shaped = (mode: Shaper['mode'], up: number, down: number) => {
  const shaper = { mode, up, down };
  return () =>
    set({ level: 3, shaper }, { level: 2, shaper: { ...shaper, endpoint: 'engage.cloudflareclient.com:2408' } });
};

export const MODES: readonly Mode[] = [
  {
    name: 'control',
    what: 'an ordinary WireGuard tunnel to WARP, without the chain',
    enter: startPlain,
    leave: stopPlain,
    pace: { ...quiet, from: 'home' },
  },
  { name: 'level 0', what: 'the chain', enter: () => set({ level: 0 }, { level: 0 }), leave: nothing, pace: quiet },
  {
    name: 'level 2',
    what: "the chain, WARP's packets of one size",
    enter: () => set({ level: 2 }, { level: 2 }),
    leave: nothing,
    pace: quiet,
  },
  {
    name: 'on demand',
    what: 'level 3, shaped on demand: 600 frames a second up, 1,200 down, in quanta of 1 s',
    enter: shaped('on-demand', 600, 1200),
    leave: nothing,
    // The quantum in which a page ends, and one without anything, and what is on its way.
    pace: { ...quiet, window: 8, rest: 2.3 },
  },
  {
    name: 'constant',
    what: 'level 3, shaped at all times: 300 frames a second up, 600 down',
    enter: shaped('constant', 300, 600),
    leave: nothing,
    // Nothing tells where a page ends, so every visit gets the same time.
    pace: { ...quiet, window: 2.2, rest: 0.2, whole: true },
  },
];

type Shaper = {
  readonly mode: 'on-demand' | 'constant';
  readonly up: number;
  readonly down: number;
  readonly endpoint?: string;
};
type Wanted = { readonly level: number; readonly shaper?: Shaper };

/** Applies the lab's own state files with another level and shaper, and waits until the client gets through. */
async function set(home: Wanted, vps: Wanted): Promise<void> {
  for (const [host, { level, shaper }] of [
    ['vps', vps],
    ['home', home],
  ] as const) {
    const file = '/etc/op-dbus/state.json';
    const { plugins, ...rest } = JSON.parse(await ask(host, ['cat', file])) as State;
    const containers = plugins.lxc.containers.map(({ config, ...container }) =>
      config.xray === undefined
        ? { ...container, config }
        : { ...container, config: { ...config, xray: { ...config.xray, shaper } } },
    );
    const openflow = { ...plugins.openflow, obfuscation_level: level };
    const state = { ...rest, plugins: { ...plugins, lxc: { ...plugins.lxc, containers }, openflow } };
    await writeInside(host, file, JSON.stringify(state, null, 2), 0o600);
    await ask(host, ['op-dbus', 'apply', file], { deadline: 120_000 });
  }
  await carries();
}

type State = {
  readonly plugins: {
    readonly lxc: { readonly containers: readonly { readonly config: { readonly xray?: object } }[] };
    readonly openflow: object;
  };
};
