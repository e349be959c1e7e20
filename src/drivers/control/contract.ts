// The switch's control socket: the commands of ovs-appctl (ovs-vswitchd(8), "Runtime Management Commands").

export interface Control {
  /**
   * Runs a command of the switch, such as `ofproto/trace`, `dpctl/show` or `dpctl/flush-conntrack`, and gives the text
   * that it prints, as it prints it.
   * @throws OpError `host` when there is no switch, `protocol` with the text of the command's error.
   */
  command(name: string, args?: readonly string[]): Promise<string>;
}
