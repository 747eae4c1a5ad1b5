// Which media of one reply are made together: the first of a group, its leader, before those that follow it.
// Works on names of outputs; knows no modality, no decoder and no event.

import type { Chain } from './chain.ts';

interface Ordered {
  readonly output: string;
}

/** Media that are made together, often one alone. */
export interface Together<O> {
  readonly leader: O;
  /** In the order of the reply. */
  readonly followers: readonly O[];
}

/**
 * The media of a reply in the order in which they are made: that of the reply, except that a leader with its followers comes
 * where the first of them stands. The k-th medium of a follower goes with the k-th of its leader.
 */
export function together<O extends Ordered>(orders: readonly O[], groups: Chain['groups']): Together<O>[] {
  const units = new Map<O, O[]>();
  for (const order of orders) {
    const group = groups.find(({ followers }) => followers.includes(order.output));
    const leader = orders.filter(({ output }) => output === group?.leader)[indexOf(orders, order)] ?? order;
    const followers = units.get(leader) ?? [];
    units.set(leader, leader === order ? followers : [...followers, order]);
  }
  return [...units].map(([leader, followers]) => ({ leader, followers }));
}

/** How many media of the same output the reply has before this one. */
export function indexOf<O extends Ordered>(orders: readonly O[], order: O): number {
  return orders.filter(({ output }) => output === order.output).indexOf(order);
}
