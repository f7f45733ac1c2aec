/** `alarm …`. */
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmMember,
  type AlarmResponse,
  AlarmResponseSchema,
  AlarmType,
  create,
  Maintenance,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";

/** `alarm list`. */
export async function alarmList(context: CtlContext): Promise<number> {
  refuseArguments(context, "alarm list");
  const client = await context.client();
  const answer = await client.call(Maintenance.method.alarm, { action: AlarmAction.GET });
  printAlarms(context, answer, answer.alarms);
  return ctlExit.ok;
}

/** `alarm disarm`. ETCD: those that are on are taken back one by one; the answer has no header. */
export async function alarmDisarm(context: CtlContext): Promise<number> {
  refuseArguments(context, "alarm disarm");
  const client = await context.client();
  const { alarms } = await client.call(Maintenance.method.alarm, { action: AlarmAction.GET });
  const taken: AlarmMember[] = [];
  for (const { alarm, memberID } of alarms) {
    const answer = await client.call(Maintenance.method.alarm, {
      action: AlarmAction.DEACTIVATE,
      alarm,
      memberID,
    });
    taken.push(...answer.alarms);
  }
  printAlarms(context, create(AlarmResponseSchema, { alarms: taken }), taken);
  return ctlExit.ok;
}

function refuseArguments({ args }: CtlContext, name: string): void {
  if (args.length > 0) {
    throw badArguments(`${name} command accepts no arguments`);
  }
}

function printAlarms({ output }: CtlContext, answer: AlarmResponse, alarms: readonly AlarmMember[]): void {
  output.message(AlarmResponseSchema, answer, {
    simple: () => alarms.map(({ alarm, memberID }) => `memberID:${memberID} alarm:${AlarmType[alarm]}`),
    fields: () => [
      ...output.header(answer.header),
      ...alarms.flatMap(({ alarm, memberID }) => [
        `"MemberID" : ${output.id(memberID)}`,
        `"AlarmType" : ${AlarmType[alarm]}`,
        "",
      ]),
    ],
  });
}
