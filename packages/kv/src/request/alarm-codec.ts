/** The binary form of alarms, in commands and in images. */
import { type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import type { AlarmRequest, KvAlarm } from "../types.ts";

const alarmNumber = { "no-space": 1, corrupt: 2 } as const;
const actionNumber = { activate: 1, deactivate: 2 } as const;

/** Appends an alarm command without version and type. */
export function writeAlarmRequest(writer: ByteWriter, request: AlarmRequest): void {
  writer.u8(actionNumber[request.action]);
  writeAlarm(writer, request);
}

/** Reads what {@link writeAlarmRequest} wrote. */
export function readAlarmRequest(reader: ByteReader): AlarmRequest {
  const action = reader.u8();
  if (action !== actionNumber.activate && action !== actionNumber.deactivate) {
    throw new DecodeError("unknown action on an alarm", reader.offset);
  }
  const alarm = readAlarm(reader);
  return { type: "alarm", action: action === actionNumber.activate ? "activate" : "deactivate", ...alarm };
}

/** Appends one alarm. */
export function writeAlarm(writer: ByteWriter, { alarm, memberId }: KvAlarm): void {
  writer.varint(memberId);
  writer.u8(alarmNumber[alarm]);
}

/** Reads what {@link writeAlarm} wrote. */
export function readAlarm(reader: ByteReader): KvAlarm {
  const memberId = reader.varint();
  const number = reader.u8();
  if (number !== alarmNumber["no-space"] && number !== alarmNumber.corrupt) {
    throw new DecodeError("unknown alarm", reader.offset);
  }
  return { memberId, alarm: number === alarmNumber.corrupt ? "corrupt" : "no-space" };
}
