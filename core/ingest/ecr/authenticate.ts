import type { Authentication } from '../provider.ts';

/** EventBridge's `aws.*` sources cannot be forged by PutEvents; whoever may invoke the normaliser is decided by IAM. */
export const authenticate = (): Authentication => ({ ok: true, scheme: 'iam', keyId: 'aws.ecr' });
