// The record of drivers: all that op-dbus knows of a machine goes through here. Real ones, or fakes with the same contract.

import type { Control } from './control/contract.ts';
import type { Containers } from './container/contract.ts';
import type { DBus } from './dbus/contract.ts';
import type { Exec } from './exec.ts';
import type { Files } from './files/contract.ts';
import type { Machine } from './machine/contract.ts';
import type { Net } from './net/contract.ts';
import type { Nft } from './nft/contract.ts';
import type { OpenFlow } from './openflow/contract.ts';
import type { Ovsdb } from './ovsdb/contract.ts';
import type { Secrets } from './secret/contract.ts';

export type Host = {
  readonly ovsdb: Ovsdb;
  readonly openflow: OpenFlow;
  readonly control: Control;
  readonly net: Net;
  readonly nft: Nft;
  readonly containers: Containers;
  readonly files: Files;
  readonly secrets: Secrets;
  readonly machine: Machine;
  readonly dbus: DBus;
  readonly exec: Exec;
};
