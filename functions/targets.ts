import { openEgress } from '../adapters/network/egress.ts';
import { httpRolloutTarget } from '../adapters/network/http-rollout-target.ts';
import type { Config } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import type { Environments } from '../core/promotion/plan.ts';
import type { Targets } from '../core/promotion/plan-promotion.ts';

/** Targets by environment. A function has no proxy of its own: it asks for the API of one that runs elsewhere. */
export function deployedTargets({ hosts }: Config, environments: Environments, secrets: Secrets): Targets {
  const egress = openEgress(hosts);
  return async (tenant, name) => {
    const target = environments(tenant, name)?.target;
    if (target?.kind !== 'proxy')
      throw new Fault('ConfigurationInvalid', `tenant ${tenant} has no target at ${name} that a function can reach`);
    const token = async () => (await secrets.values(target.token))[0] ?? '';
    return httpRolloutTarget({ egress, url: target.url, token });
  };
}
