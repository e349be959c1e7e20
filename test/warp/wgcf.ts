// A stand-in for the program wgcf: register and generate, with its flags, its requests, its files and its words.

import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { text as all } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import type { ExecResult } from '../../src/drivers/exec.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A run of it, within this process. Led to the stand-in API by HTTPS_PROXY and SSL_CERT_FILE, as the real one is. */
export async function standIn(args: readonly string[], env: Environment): Promise<ExecResult> {
  const said = { stdout: '', stderr: '' };
  const log = (line: string): void => void (said.stderr += `2026/11/24 12:00:00 ${line}\n`);
  try {
    await act(args, env, log, (text) => void (said.stdout += text));
    return { code: 0, ...said };
  } catch (error) {
    log((error as Error).message);
    said.stderr += '(1) attached stack trace\n  -- stack trace:\n  | somewhere in wgcf\n';
    return { code: 1, ...said };
  }
}

if (import.meta.main) {
  const { code, stdout, stderr } = await standIn(process.argv.slice(2), process.env);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
}

async function act(
  args: readonly string[],
  env: Environment,
  log: (line: string) => void,
  print: (text: string) => void,
): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string', default: 'wgcf-account.toml' },
      profile: { type: 'string', default: 'wgcf-profile.conf', short: 'p' },
      'accept-tos': { type: 'boolean', default: false },
    },
  });
  const setting = (name: string): string => {
    const text = existsSync(values.config) ? readFileSync(values.config, 'utf8') : '';
    return env[`WGCF_${name.toUpperCase()}`] || (new RegExp(`^${name} = '(.*)'$`, 'm').exec(text)?.[1] ?? '');
  };
  log(`Using config file: ${values.config}`);
  const known = ['device_id', 'access_token', 'private_key'].every((name) => setting(name) !== '');
  if (positionals[0] === 'register') {
    if (known) throw new Error('existing account detected, refusing to overwrite');
    if (!values['accept-tos']) throw new Error('TOS not accepted');
    const { d, x } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
    const body = { key: base64(x), type: 'Android', model: 'PC' };
    const { id, token, account } = await ask(env, 'POST', '/reg', '', body);
    const kept = { access_token: token, device_id: id, license_key: account.license, private_key: base64(d) };
    const lines = Object.entries(kept).map(([name, value]) => `${name} = '${value}'\n`);
    writeFileSync(values.config, lines.join(''));
    await ask(env, 'PATCH', `/reg/${id}/account/reg/${id}`, token, { name: 'A1B2C3' });
    await ask(env, 'GET', `/reg/${id}/account`, token);
    await ask(env, 'GET', `/reg/${id}/account/devices`, token);
    print(`Account\nId           : account-${id}\nAccount type : ${account.account_type}\n`);
    log('Successfully created Cloudflare Warp account');
  } else if (positionals[0] === 'generate') {
    if (!known) throw new Error('no account detected, register one first');
    const { config } = await ask(env, 'GET', `/reg/${setting('device_id')}`, setting('access_token'));
    const { v4, v6 } = config.interface.addresses;
    const [peer] = config.peers;
    const lines = [
      ...['[Interface]', `PrivateKey = ${setting('private_key')}`, `Address = ${v4}/32, ${v6}/128`],
      ...['DNS = 1.1.1.1, 1.0.0.1', 'MTU = 1280', '[Peer]', `PublicKey = ${peer?.public_key}`],
      ...['AllowedIPs = 0.0.0.0/0, ::/0', `Endpoint = ${peer?.endpoint.host}`],
    ];
    writeFileSync(values.profile, `${lines.join('\n')}\n`, { mode: 0o600 });
    log(`Successfully generated WireGuard profile: ${values.profile}`);
  } else throw new Error('expected register or generate');
}

function base64(text = ''): string {
  return Buffer.from(text, 'base64url').toString('base64');
}

type Device = {
  readonly id: string;
  readonly token: string;
  readonly account: { readonly license: string; readonly account_type: string };
  readonly config: {
    readonly interface: { readonly addresses: { readonly v4: string; readonly v6: string } };
    readonly peers: readonly { readonly public_key: string; readonly endpoint: { readonly host: string } }[];
  };
};

function ask(env: Environment, method: string, path: string, token: string, body?: unknown): Promise<Device> {
  const url = `https://api.cloudflareclient.com/v0a1922${path}`;
  // Node's agent follows HTTPS_PROXY as Go's does, if it is handed the environment.
  const agent = new Agent({
    proxyEnv: env,
    maxVersion: 'TLSv1.2',
    ca: readFileSync(env['SSL_CERT_FILE'] ?? '', 'utf8'),
  } as ConstructorParameters<typeof Agent>[0]);
  const headers = {
    ...{ 'user-agent': 'okhttp/3.12.1', 'cf-client-version': 'a-6.3-1922' },
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${answer.statusCode} ${answer.statusMessage}`));
      else void all(answer).then((text) => resolve(JSON.parse(text) as Device));
    });
    asked.on('error', (error) => reject(new Error(`Post "${url}": dial tcp: ${error.message}`)));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
