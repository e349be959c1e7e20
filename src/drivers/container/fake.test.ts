// The fake passes the contract suite.

import { fakeContainers, type Script } from './fake.ts';
import { type Bench, containerSuite } from './suite.ts';

const script: Script = (_, [program, argument = ''], { stdin = '', env = {} }) => {
  if (program === 'cat') return { code: 0, stdout: stdin, stderr: '' };
  if (program === 'printenv') return { code: 0, stdout: env[argument] ?? '', stderr: '' };
  return { code: 1, stdout: '', stderr: '' };
};

containerSuite('fake', async (): Promise<Bench> => {
  const active = new Set<string>();
  const containers = fakeContainers(script, active);
  await containers.prepare('debian-12', () => {});
  return {
    containers,
    port: async () => {},
    plant: async (name) => void containers.foreign.add(name),
    detach: async (name) => void containers.detached.add(name),
    unit: async (name, unit, on) => void (on ? active.add(`${name}/${unit}`) : active.delete(`${name}/${unit}`)),
    interrupt: async (name) => void containers.leftover.add(name),
    leftover: async () => [...containers.leftover],
    clear: async () => {},
  };
});
