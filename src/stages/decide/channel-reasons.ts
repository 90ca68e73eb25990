/** What discovery knew of the way there, in a few stable words, for plan, trace and audit: counts and policy ids, no address of a person. */
import type { Capabilities, MxHost } from "../../core/capabilities.ts";
import type { DaneState } from "../../core/dane.ts";
import type { PlanReason } from "../../core/plan.ts";

/** Nothing is said of what is not there. */
export function channelReasons({ route, sts }: Capabilities): readonly PlanReason[] {
  if (route.kind !== "hosts") return [{ kind: "route", state: route.kind }];
  const { hosts, via, security } = route;
  const isNamedByDns = via === "mx" || via === "implicit-mx";
  return [
    { kind: "route", state: `hosts by ${via}${isNamedByDns ? `, ${security}` : ""}` },
    ...daneReasons(hosts),
    ...stsReasons(sts, hosts),
  ];
}

/** Of those whose records were asked for; one word for each state there is. */
function daneReasons(hosts: readonly MxHost[]): readonly PlanReason[] {
  const states: readonly DaneState["kind"][] = ["usable", "unusable", "unavailable"];
  return states.flatMap((state): readonly PlanReason[] => {
    const count = hosts.filter(({ dane }) => dane.kind === state).length;
    return count === 0 ? [] : [{ kind: "capability", capability: "dane", state: `${state} ${outOf(count, hosts)}` }];
  });
}

function stsReasons(sts: Capabilities["sts"], hosts: readonly MxHost[]): readonly PlanReason[] {
  const say = (state: string): readonly PlanReason[] => [{ kind: "capability", capability: "mta-sts", state }];
  switch (sts.kind) {
    case "none":
      return [];
    case "unknown":
      return say("unknown");
    case "unavailable":
      return say(`unavailable ${sts.code}`);
    default: {
      const named = hosts.filter((host) => "matches" in host.sts && host.sts.matches).length;
      return say(`${sts.kind} ${sts.id}, names ${outOf(named, hosts)}`);
    }
  }
}

function outOf(count: number, all: readonly unknown[]): string {
  return `${count} of ${all.length}`;
}
