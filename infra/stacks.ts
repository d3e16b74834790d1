import type { App } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { Configuration } from './configuration.ts';
import { StatefulStack } from './stacks/stateful.ts';
import { StatelessStack } from './stacks/stateless.ts';

/** Behaviour of the library that is opted into; set by the app, since the CDK command is not needed to synthesise. */
export const FEATURES: Readonly<Record<string, unknown>> = {
  '@aws-cdk/core:validateAgainstDefaultRules': true,
  '@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy': true,
  '@aws-cdk/aws-lambda:recognizeVersionProps': true,
  '@aws-cdk/aws-iam:minimizePolicies': false,
};

export interface RelsealProps {
  readonly configuration: Configuration;
  readonly codeOf: (name: string) => Code;
}

/** Both stacks of one deployment. */
export function relsealStacks(app: App, { configuration, codeOf }: RelsealProps) {
  const state = new StatefulStack(app, 'RelsealState', { configuration });
  const services = new StatelessStack(app, 'RelsealServices', { configuration, state, codeOf });
  return { state, services };
}
