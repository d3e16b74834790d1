import { Aws, Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { functionIdOf, type MachineName } from '../../statemachines/catalog.ts';
import type { Machine } from './machine.ts';
import type { WorkQueue } from './queue.ts';

const MINUTE = Duration.minutes(1);

/** Operators subscribe here. */
function alarmTopic(scope: Construct, id: string, displayName: string): Topic {
  const topic = new Topic(scope, id, { enforceSSL: true, displayName });
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

export interface AlarmsProps {
  readonly machines: Readonly<Record<MachineName, Machine>>;
  readonly queues: readonly WorkQueue[];
  /** Judges the stages of promotions. */
  readonly judge: IFunction;
  /** Takes a target back. */
  readonly restore: IFunction;
}

/**
 * What nothing inside a run can tell: that it failed, ran out of time or was stopped, or that a message was given up.
 * What keeps a target from its stable revision is told on a topic of its own, for those who are woken.
 */
export function alarmsOn(scope: Construct, { machines, queues, judge, restore }: AlarmsProps): void {
  const all = alarmTopic(scope, 'AlarmTopic', 'Relseal alarms');
  const critical = alarmTopic(scope, 'CriticalAlarmTopic', 'Relseal critical alarms');
  const alarm = (id: string, metric: IMetric, alarmDescription: string, topics = [all]) =>
    new Alarm(scope, id, {
      metric,
      alarmDescription,
      threshold: 0,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(...topics.map((topic) => new SnsAction(topic)));
  for (const [name, { stateMachine }] of Object.entries(machines)) {
    const id = functionIdOf(name).replace(/Function$/, '');
    const topics = name === 'rollback' ? [all, critical] : [all];
    alarm(`${id}Failed`, stateMachine.metricFailed({ period: MINUTE }), `A run of ${name} failed`, topics);
    alarm(`${id}TimedOut`, stateMachine.metricTimedOut({ period: MINUTE }), `A run of ${name} ran out of time`, topics);
    alarm(`${id}Aborted`, stateMachine.metricAborted({ period: MINUTE }), `A run of ${name} was stopped`, topics);
  }
  // The step throws when its target does not show the stable revision within 18 seconds; its machine tries for an hour.
  const late = restore.metricErrors({ period: MINUTE });
  alarm('RollbackLate', late, 'A target was not taken back in time', [all, critical]);
  alarm('JudgeFailed', judge.metricErrors({ period: MINUTE }), 'A stage was not judged; unjudged it is rolled back');
  for (const { deadLetters, node } of queues)
    alarm(
      `${node.id}DeadLetters`,
      deadLetters.metricApproximateNumberOfMessagesVisible({ period: MINUTE }),
      `A message of ${node.id} was given up`,
    );
}
