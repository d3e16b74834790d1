import type { TenantId } from '../../events/fields.ts';
import type { ModulePath, ModuleVersion } from '../brands.ts';

/**
 * What there is to trust a private module by before it was ever used. `signature`: its publisher's, by a key of the
 * tenant. `two-sources`: two that do not depend on one another hold the same bytes. Unreachable: `SourceUnreachable`.
 */
export interface ModuleTrust {
  basisOf(
    tenant: TenantId,
    path: ModulePath,
    version: ModuleVersion,
  ): Promise<readonly ('signature' | 'two-sources')[]>;
}
