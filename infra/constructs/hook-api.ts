import { CfnStage, HttpApi, HttpMethod, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { Lifetime } from './relseal-function.ts';

/** The route, never the path: a path may hold what its sender takes for a secret. */
const ACCESS_LOG = JSON.stringify({
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch',
  route: '$context.routeKey',
  status: '$context.status',
  bytes: '$context.responseLength',
  ms: '$context.responseLatency',
});

export interface HookApiProps {
  readonly receive: LambdaFunction;
  readonly read: LambdaFunction;
  /** What persons ask, who sign as principals of the account. */
  readonly answer: LambdaFunction;
  readonly lifetime: Lifetime;
}

/** What may be asked below `/control`, each a route of its own: a policy can allow one and not the other. */
const CONTROL_ROUTES = [
  'promotions',
  'approvals',
  'stops',
  'replay',
  'erasures',
  'runs',
  'run',
  'dead-letters',
  'redrive',
] as const;

/** Where webhooks come in, where a log is read, and where persons ask. */
export function hookApi(scope: Construct, { receive, read, answer, lifetime }: HookApiProps): HttpApi {
  const api = new HttpApi(scope, 'HookApi', { createDefaultStage: false, description: 'Relseal webhooks and logs' });
  const routes = [
    ...api.addRoutes({
      path: '/hooks/{provider}/{instance}',
      methods: [HttpMethod.ANY],
      integration: new HttpLambdaIntegration('ReceiveWebhook', receive),
    }),
    ...api.addRoutes({
      path: '/ledger/{tenant}/{path+}',
      methods: [HttpMethod.GET],
      integration: new HttpLambdaIntegration('ReadLog', read),
    }),
  ];
  for (const route of routes)
    acknowledge(
      route,
      'AwsSolutions-APIG4',
      'A delivery is authenticated by its signature, in code, over the raw bytes; a log is public to who knows its tenant.',
    );
  const integration = new HttpLambdaIntegration('AnswerOperator', answer);
  for (const route of CONTROL_ROUTES)
    api.addRoutes({
      path: `/control/${route}`,
      methods: [HttpMethod.POST],
      integration,
      authorizer: new HttpIamAuthorizer(),
    });
  const stage = new HttpStage(scope, 'HookStage', {
    httpApi: api,
    stageName: '$default',
    autoDeploy: true,
    throttle: { rateLimit: 100, burstLimit: 200 },
  });
  const log = new LogGroup(scope, 'HookLog', {
    retention: lifetime.logRetention,
    removalPolicy: lifetime.removalPolicy,
  });
  const resource = stage.node.defaultChild;
  if (!(resource instanceof CfnStage)) throw new Error('the stage has no resource');
  resource.accessLogSettings = { destinationArn: log.logGroupArn, format: ACCESS_LOG };
  return api;
}
