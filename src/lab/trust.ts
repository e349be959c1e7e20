// The lab's certificate authority, and one server certificate for every name of the lab (RFC 5280), by openssl(1).

import { mkdir, readFile } from 'node:fs/promises';
import { exec, run } from '../drivers/exec.ts';
import { FOLDER } from './record.ts';
import { NAMES } from './topology.ts';

const BUNDLE = '/etc/ssl/certs/ca-certificates.crt';

export type Trust = {
  /** The authority's certificate, PEM. */
  readonly authority: string;
  /** The machine's own authorities and the lab's, PEM. */
  readonly bundle: string;
  readonly certificate: string;
  readonly key: string;
};

/** Makes authority and certificate in the lab's folder (0700), keys 0600. */
export async function makeTrust(): Promise<Trust> {
  const folder = `${FOLDER}/trust`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '30'];
  await openssl('authority', folder, [...key, '-subj', '/CN=op-dbus lab authority']);
  const names = [...Object.keys(NAMES), '*.target.example.net'].map((name) => `DNS:${name}`).join(',');
  const issuer = ['-CA', `${folder}/authority.pem`, '-CAkey', `${folder}/authority.key`];
  const subject = ['-subj', '/CN=lab', '-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=CA:FALSE'];
  await openssl('server', folder, [...key, ...issuer, ...subject]);
  const authority = await readFile(`${folder}/authority.pem`, 'utf8');
  const machine = await readFile(BUNDLE, 'utf8').catch(() => '');
  return {
    authority,
    bundle: `${machine}${authority}`,
    certificate: await readFile(`${folder}/server.pem`, 'utf8'),
    key: await readFile(`${folder}/server.key`, 'utf8'),
  };
}

async function openssl(name: string, folder: string, options: readonly string[]): Promise<void> {
  await run(exec, [
    'openssl',
    'req',
    '-x509',
    ...options,
    '-keyout',
    `${folder}/${name}.key`,
    '-out',
    `${folder}/${name}.pem`,
  ]);
}
