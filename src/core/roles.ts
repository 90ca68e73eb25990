/** What people at the machine may be allowed to do. `owner` is all of it. */
export const ROLES = ["viewer", "operator", "reviewer", "approver", "auditor", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** OS users and groups by name or number. */
export type RoleMembers = {
  readonly users: readonly (string | number)[];
  readonly groups: readonly (string | number)[];
};

/** Who holds which role; empty: the defaults of src/parts/control/roles.ts. */
export type RoleMap = { readonly [R in Role]?: RoleMembers };
