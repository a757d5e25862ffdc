import type { Link, PublishedLink, Subnet } from '../model.ts';

/**
 * What virtual networks, container runtimes and kube-proxy put onto a node: no client is behind any
 * of them.
 */
const DEFAULT_EXCLUDE =
  'veth.*|cali.*|cni.*|flannel.*|cilium.*|lxc.*|docker.*|kube-ipvs.*|nodelocaldns.*|lo';
const EVERYWHERE: readonly Subnet[] = ['0.0.0.0/0', '::/0'];

/** Which links an operator wants to be used. */
export interface LinkFilter {
  /**
   * Only these, with every VIP whatever its subnet; undefined: all that are not excluded, each with
   * its own subnets.
   */
  readonly include: RegExp | undefined;
  readonly exclude: RegExp | undefined;
}

/**
 * The filter of two regular expressions that match whole names. Without any, the links of virtual
 * networks are left out; asking for links by `include` or leaving links out by `exclude` replaces
 * that. Throws if an expression is invalid.
 */
export function linkFilter(include: string | undefined, exclude: string | undefined): LinkFilter {
  return {
    include: include === undefined ? undefined : wholeName('--link-include', include),
    exclude:
      exclude === undefined && include !== undefined
        ? undefined
        : wholeName('--link-exclude', exclude ?? DEFAULT_EXCLUDE),
  };
}

/**
 * The links that may carry VIPs: up, with carrier, on their own (a bond or bridge stands for its
 * members), not filtered out. Of two links on one subnet only the one with the lowest index has it,
 * so that no VIP is announced twice to one segment.
 */
export function usableLinks(links: readonly Link[], filter: LinkFilter): readonly PublishedLink[] {
  const taken = new Set<Subnet>();
  return links
    .filter((link) => link.up && link.carrier && link.master === undefined)
    .filter(({ name }) => filter.include?.test(name) ?? true)
    .filter(({ name }) => !(filter.exclude?.test(name) ?? false))
    .toSorted((a, b) => a.index - b.index)
    .map(({ name, mac, subnets, addresses }) => {
      if (filter.include !== undefined) return { name, mac, subnets: EVERYWHERE, addresses };
      const own = [...new Set(subnets)].filter((subnet) => !taken.has(subnet));
      for (const subnet of own) taken.add(subnet);
      return { name, mac, subnets: own, addresses };
    })
    .filter(({ subnets }) => subnets.length > 0);
}

function wholeName(flag: string, pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RangeError(`${flag} "${pattern}" is not a regular expression: ${reason}`);
  }
}
