import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';

/** Settings of the bucket through which its objects could be lost or hidden. */
const SETTINGS = [
  's3:PutLifecycleConfiguration',
  's3:PutBucketPolicy',
  's3:DeleteBucketPolicy',
  's3:PutBucketVersioning',
  's3:PutReplicationConfiguration',
];

/**
 * What nobody may do to the locked bucket. Object Lock protects versions, not names: a delete marker would hide an object
 * and a second put under its name would replace it, so both are denied here. A trial's settings stay open to whoever
 * deploys it, else its stack could not be deleted.
 */
export function wormPolicy(
  bucket: Bucket,
  breakGlass: IRole,
  { days, production }: { days: number; production: boolean },
): PolicyStatement[] {
  const objects = bucket.arnForObjects('*');
  const deny = (
    sid: string,
    actions: readonly string[],
    resource: string,
    conditions: Record<string, Record<string, unknown>>,
  ) =>
    new PolicyStatement({
      sid,
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: [...actions],
      resources: [resource],
      conditions,
    });
  const exceptBreakGlass = { ArnNotEquals: { 'aws:PrincipalArn': breakGlass.roleArn } };
  return [
    deny('NoDeletion', ['s3:DeleteObject', 's3:DeleteObjectVersion'], objects, exceptBreakGlass),
    ...(production ? [deny('NoChangeOfSettings', SETTINGS, bucket.bucketArn, exceptBreakGlass)] : []),
    // A mistaken year 9999 would be kept until the year 9999.
    deny('NoLongerThanMeant', ['s3:PutObject', 's3:PutObjectRetention'], objects, {
      NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(days + 1) },
    }),
    // Also denies CopyObject, which sends no such header.
    deny('OnlyNewNames', ['s3:PutObject'], objects, {
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    }),
  ];
}
