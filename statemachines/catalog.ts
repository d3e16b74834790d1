/** The sole list of machines, steps and faults. A test compares it with the ASL files, the core tasks and the functions. */

export const MACHINES = [
  'source-release',
  'change-check',
  'image-release',
  'promotion',
  'rollback',
  'checkpoint',
  'audit',
] as const;
export type MachineName = (typeof MACHINES)[number];

/** Machines whose Catch starts a compensation: never redriven, a replay of one is a new run. */
export const COMPENSATING: readonly MachineName[] = ['promotion'];

/** Steps in order of first use; a step's function is `functionIdOf(step)`, its folder and core task have its name. */
export const STEPS = [
  'claim-release',
  'append-ledger',
  'report-status',
  'fetch-source',
  'verify-go-sum',
  'verify-vendor',
  'check-module-policy',
  'check-tag-signer',
  'make-source-sbom',
  'decide-gate',
  'resolve-image',
  'inspect-binaries',
  'link-chain',
  'make-image-sbom',
  'sign-artifact',
  'verify-signature',
  'claim-promotion',
  'check-release',
  'plan-promotion',
  'request-approval',
  'shift-traffic',
  'open-stage',
  'close-promotion',
  'start-rollback',
  'free-target',
  'restore-revision',
  'publish-checkpoint',
  'audit-ledger',
] as const;
export type StepName = (typeof STEPS)[number];

/** `verify-go-sum` → `VerifyGoSumFunction`: the placeholder in ASL files and the construct id in CDK. */
export const functionIdOf = (step: string): string =>
  `${step
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}Function`;

/** Faults that a machine may retry, by step. Every one is declared in core and raised by a test. */
export const RETRIED_FAULTS: Readonly<Record<StepName, readonly string[]>> = {
  'claim-release': ['StoreUnavailable', 'LedgerConflict'],
  'append-ledger': ['StoreUnavailable', 'LedgerConflict'],
  'fetch-source': ['SourceUnreachable', 'StoreUnavailable'],
  'verify-go-sum': ['ModuleProxyUnreachable', 'ChecksumDatabaseUnavailable', 'StoreUnavailable', 'LedgerConflict'],
  'verify-vendor': ['ModuleProxyUnreachable', 'StoreUnavailable'],
  'check-module-policy': [
    'ModuleProxyUnreachable',
    'ChecksumDatabaseUnavailable',
    'SourceUnreachable',
    'StoreUnavailable',
  ],
  'check-tag-signer': ['SourceUnreachable', 'StoreUnavailable'],
  'report-status': ['SourceUnreachable', 'StoreUnavailable'],
  'make-source-sbom': ['StoreUnavailable'],
  'decide-gate': ['StoreUnavailable'],
  'resolve-image': ['RegistryUnreachable', 'StoreUnavailable'],
  'inspect-binaries': ['RegistryUnreachable', 'StoreUnavailable'],
  'link-chain': ['StoreUnavailable'],
  'make-image-sbom': ['StoreUnavailable'],
  'sign-artifact': ['RegistryUnreachable', 'SignerUnavailable', 'StoreUnavailable'],
  'verify-signature': ['RegistryUnreachable', 'SignerUnavailable', 'StoreUnavailable'],
  'claim-promotion': ['StoreUnavailable', 'LedgerConflict'],
  'check-release': ['StoreUnavailable'],
  'plan-promotion': ['TargetUnreachable', 'StoreUnavailable'],
  'request-approval': ['StoreUnavailable', 'LedgerConflict'],
  'shift-traffic': ['TargetUnreachable', 'TargetConflict', 'StoreUnavailable', 'LedgerConflict'],
  'open-stage': ['StoreUnavailable', 'LedgerConflict'],
  'close-promotion': ['TargetUnreachable', 'TargetConflict', 'StoreUnavailable', 'LedgerConflict'],
  'start-rollback': ['StoreUnavailable'],
  'free-target': ['StoreUnavailable'],
  'restore-revision': ['TargetUnreachable', 'TargetConflict', 'StoreUnavailable', 'LedgerConflict'],
  'publish-checkpoint': ['StoreUnavailable', 'SignerUnavailable', 'LedgerConflict'],
  'audit-ledger': ['StoreUnavailable', 'SignerUnavailable', 'LedgerConflict'],
};

/** Which machine an event of this detail type starts; types that are not listed start nothing. */
export const STARTED_BY: Readonly<Record<string, MachineName>> = {
  'source.tag.pushed': 'source-release',
  'source.change.proposed': 'change-check',
  'artifact.image.pushed': 'image-release',
};
