// A file's flows from the file alone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from '../core/state/parse.ts';
import { explainState } from './explain.ts';

function flows(text: string): readonly string[] {
  const parsed = parse(text);
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return explainState(parsed.state).flatMap(({ tables }) =>
    tables.flatMap((table) => table.flows.map(({ flow }) => flow)),
  );
}

const client = readFileSync('test/golden/privacy-client/state.json', 'utf8').replace(
  /"server": "[^"]*"/,
  '"server": "vps.example.net"',
);

test('a host name stands for its address, in place of it, and nothing else is changed', () => {
  const lines = flows(client);
  const pins = lines.filter((line) => line.includes('nw_dst=<'));
  assert.deepEqual(
    pins.map((line) => /nw_dst=(<[^>]*>),tp_dst=(\d+)/.exec(line)?.slice(1)),
    [
      ['<engage.cloudflareclient.com>', '2408'],
      ['<vps.example.net>', '443'],
    ],
  );
  const literal = client
    .replace('engage.cloudflareclient.com', '198.51.100.20')
    .replaceAll('vps.example.net', '198.51.100.30');
  const named = lines.map((line) =>
    line.replace('<engage.cloudflareclient.com>', '198.51.100.20').replace('<vps.example.net>', '198.51.100.30'),
  );
  assert.deepEqual(flows(literal), named);
});

test('a file without a bridge comes to no flow', () => {
  assert.deepEqual(flows('{"openflow": {"bridges": []}}'), []);
});
