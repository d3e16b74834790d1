import { Aws, Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { functionIdOf, type MachineName } from '../../statemachines/catalog.ts';
import type { WorkQueue } from './queue.ts';

const MINUTE = Duration.minutes(1);

/** Operators subscribe here. */
function alarmTopic(scope: Construct): Topic {
  const topic = new Topic(scope, 'AlarmTopic', { enforceSSL: true, displayName: 'Relseal alarms' });
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: 'AlarmsOfThisAccount',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  );
  return topic;
}

/** What nothing inside a run can tell: that it failed, ran out of time or was stopped, or that a message was given up. */
export function alarmsOn(
  scope: Construct,
  { machines, queues }: { machines: Readonly<Record<MachineName, StateMachine>>; queues: readonly WorkQueue[] },
): void {
  const topic = alarmTopic(scope);
  const alarm = (id: string, metric: IMetric, alarmDescription: string) =>
    new Alarm(scope, id, {
      metric,
      alarmDescription,
      threshold: 0,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(topic));
  for (const [name, machine] of Object.entries(machines)) {
    const id = functionIdOf(name).replace(/Function$/, '');
    alarm(`${id}Failed`, machine.metricFailed({ period: MINUTE }), `A run of ${name} failed`);
    alarm(`${id}TimedOut`, machine.metricTimedOut({ period: MINUTE }), `A run of ${name} ran out of time`);
    alarm(`${id}Aborted`, machine.metricAborted({ period: MINUTE }), `A run of ${name} was stopped`);
  }
  for (const { deadLetters, node } of queues)
    alarm(
      `${node.id}DeadLetters`,
      deadLetters.metricApproximateNumberOfMessagesVisible({ period: MINUTE }),
      `A message of ${node.id} was given up`,
    );
}
