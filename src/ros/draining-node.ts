import type { Rclnodejs, RclListener } from './rclnodejs.js';

/** Messages of one subscription in a row, before any other work continues. */
const MAX_MESSAGES_PER_WAKE = 64;

type NodeClass = Rclnodejs['Node'];

/**
 * The library's node, where each wake-up of its thread brings all serialized messages that have come. The library takes
 * one at a time, and to wake up costs more than the message.
 */
export function drainingNodeClass(rcl: Rclnodejs): NodeClass {
  /** Subscriptions that have received a message in this round. */
  const received = new Set<object>();
  return class extends rcl.Node {
    override createSubscription(type: string, topic: string, ...rest: readonly object[]) {
      if (!rest.some(isRaw)) return super.createSubscription(type, topic, ...rest);
      const note = () => received.add(subscription.handle);
      const noting = rest.map(one => (isListener(one) ? first(note, one) : one));
      const subscription = super.createSubscription(type, topic, ...noting);
      return subscription;
    }

    override execute(handles: readonly object[]): void {
      let ready = handles;
      for (let round = 0; round < MAX_MESSAGES_PER_WAKE && ready.length > 0; round++) {
        received.clear();
        super.execute(ready);
        ready = [...received];
      }
    }
  };
}

const isRaw = (options: object): boolean => 'isRaw' in options && options.isRaw === true;

const isListener = (one: object): one is RclListener => typeof one === 'function';

const first =
  (act: () => unknown, listener: RclListener): RclListener =>
  message => {
    act();
    listener(message);
  };
