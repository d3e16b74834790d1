import { randomBytes } from 'node:crypto';
import type { Ids } from '../../core/ports/ids.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** ULIDs (48 bits of time, 80 of chance) and strong random bytes. */
export const lambdaIds: Ids = {
  ulid: () => {
    let time = Date.now();
    let text = '';
    for (let digit = 0; digit < 10; digit += 1) {
      text = CROCKFORD.charAt(time % 32) + text;
      time = Math.floor(time / 32);
    }
    for (const byte of randomBytes(16)) text += CROCKFORD.charAt(byte % 32);
    return text;
  },
  random: (size) => randomBytes(size),
};
