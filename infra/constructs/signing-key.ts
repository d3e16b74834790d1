import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  type IRole,
  PolicyDocument,
  PolicyStatement,
} from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** What an administrator of the account may do with a key. Signing is not among it, nor are grants, which could lend it. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:GetKeyPolicy',
  'kms:GetPublicKey',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
];

/** The one way each kind of key is used: a digest for artifacts, the text itself for checkpoints. */
const USE = {
  [KeySpec.ECC_NIST_P256]: { algorithm: 'ECDSA_SHA_256', message: 'DIGEST' },
  [KeySpec.ECC_NIST_EDWARDS25519]: { algorithm: 'ED25519_SHA_512', message: 'RAW' },
} as const;

export interface SigningKeyProps {
  readonly spec: KeySpec;
  /** The one role that signs. */
  readonly role: IRole;
  readonly description: string;
  readonly removalPolicy: RemovalPolicy;
}

const statement = (
  sid: string,
  effect: Effect,
  actions: readonly string[],
  principal: AccountRootPrincipal | AnyPrincipal | IRole,
  conditions: Record<string, Record<string, unknown>> = {},
) =>
  new PolicyStatement({
    sid,
    effect,
    actions: [...actions],
    principals: ['roleArn' in principal ? principal.grantPrincipal : principal],
    resources: ['*'],
    conditions,
  });

/** Who may do what: the role signs, administrators administer, and nobody else signs, whatever IAM says. */
function policyOf({ spec, role }: SigningKeyProps): PolicyDocument {
  const use = spec === KeySpec.ECC_NIST_P256 ? USE[KeySpec.ECC_NIST_P256] : USE[KeySpec.ECC_NIST_EDWARDS25519];
  const used = { 'kms:SigningAlgorithm': use.algorithm, 'kms:MessageType': use.message };
  return new PolicyDocument({
    statements: [
      statement('Administration', Effect.ALLOW, ADMINISTRATION, new AccountRootPrincipal()),
      statement('TheSigningRole', Effect.ALLOW, ['kms:Sign'], role, { StringEquals: used }),
      statement('NobodyElseSigns', Effect.DENY, ['kms:Sign'], new AnyPrincipal(), {
        ArnNotEquals: { 'aws:PrincipalArn': role.roleArn },
      }),
      // One statement each: the conditions of one must all hold.
      ...Object.entries(used).map(([key, value]) =>
        statement(`Only${key.slice('kms:'.length)}`, Effect.DENY, ['kms:Sign'], new AnyPrincipal(), {
          StringNotEquals: { [key]: value },
        }),
      ),
      statement('NoGrants', Effect.DENY, ['kms:CreateGrant'], new AnyPrincipal()),
    ],
  });
}

export const signingKey = (scope: Construct, id: string, props: SigningKeyProps): Key =>
  new Key(scope, id, {
    description: props.description,
    keySpec: props.spec,
    keyUsage: KeyUsage.SIGN_VERIFY,
    policy: policyOf(props),
    pendingWindow: Duration.days(7),
    removalPolicy: props.removalPolicy,
  });
