import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { type IRole, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type Code, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { functionIdOf } from '../../statemachines/catalog.ts';

/** What the stacks differ in between a trial and production. */
export interface Lifetime {
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
}

export const lifetimeOf = (production: boolean): Lifetime =>
  production
    ? { removalPolicy: RemovalPolicy.RETAIN, logRetention: RetentionDays.ONE_YEAR }
    : { removalPolicy: RemovalPolicy.DESTROY, logRetention: RetentionDays.ONE_WEEK };

export interface RelsealFunctionProps {
  /** Folder in `functions/`. */
  readonly name: string;
  readonly code: Code;
  readonly environment: Readonly<Record<string, string>>;
  readonly grants: readonly PolicyStatement[];
  readonly lifetime: Lifetime;
  /** Made elsewhere where a key or a bus names it; else the function's own. */
  readonly role?: IRole;
  readonly timeoutSeconds: number;
  readonly memoryMb?: number;
  readonly temporaryMb?: number;
}

/** A role that Lambda alone may take, without managed policies. */
export const functionRole = (scope: Construct, id: string): Role =>
  new Role(scope, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });

/** One Lambda: the bundle of its folder, its own role and its own log. */
export class RelsealFunction extends Construct {
  readonly lambda: LambdaFunction;
  readonly role: IRole;

  constructor(scope: Construct, props: RelsealFunctionProps) {
    super(scope, functionIdOf(props.name));
    const { lifetime } = props;
    const logGroup = new LogGroup(this, 'Log', {
      retention: lifetime.logRetention,
      removalPolicy: lifetime.removalPolicy,
    });
    this.role = props.role ?? functionRole(this, 'Role');
    const logging = new PolicyStatement({
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    });
    // A policy of this stack, also for a role of another: what it may do is decided where its code is.
    const policy = new Policy(this, 'Policy', { statements: [logging, ...props.grants], roles: [this.role] });
    this.lambda = new LambdaFunction(this, 'Lambda', {
      description: `Relseal ${props.name}`,
      code: props.code,
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role: this.role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      environment: { ...props.environment },
      timeout: Duration.seconds(props.timeoutSeconds),
      memorySize: props.memoryMb ?? 512,
      ...(props.temporaryMb === undefined ? {} : { ephemeralStorageSize: Size.mebibytes(props.temporaryMb) }),
      // A run that started on a version must be able to end on it. All go when the function itself is deleted.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    this.lambda.node.addDependency(policy);
  }
}
