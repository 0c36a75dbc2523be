/** What every lab shows in the same way: progress, an error with what to do next, the device. */
import type { DeviceInfo } from "../report/types";
import type { Job } from "../state/progress";
import type { Session, Trouble } from "../state/session";
import { t, type Key } from "../strings";
import type { FailureView } from "../views/failure_box";
import type { ProgressView } from "../views/progress_bar";

export function progressOf(job: Job): ProgressView {
  const { stage, detail, done, total, unit, rate, left, part, parts, cancelling } = job;
  return { stage, detail, done, total, unit, rate, left, part, parts, cancelling };
}

/** `lab` is the element that shows it; `again` is offered unless the device or the model itself is at fault. */
export function failureOf(session: Session, trouble: Trouble, lab: HTMLElement, again: FailureView["action"], kept: string): FailureView {
  const toCpu = { label: t("failure.cpu"), run: () => void session.load(session.wanted, { ...session.placement, device: "cpu" }) };
  const change = { label: t("failure.change"), run: () => lab.dispatchEvent(new Event("change-model", { bubbles: true, composed: true })) };
  const loading = trouble.during === "load";
  const action = trouble.kind === "device" && (loading || trouble.during === "attention") ? toCpu : loading ? change : again;
  return {
    title: t(`failure.${trouble.during}` as Key),
    message: trouble.message,
    hint: trouble.hint,
    kept,
    action: session.job ? null : action,
    details: JSON.stringify({
      during: trouble.during, kind: trouble.kind, message: trouble.message, hint: trouble.hint, model: session.wanted.name,
      device: session.model?.info.device ?? session.placement.device, browser: navigator.userAgent,
    }, null, 1),
  };
}

/** Where the model runs, and why there. */
export function deviceLine(device: DeviceInfo): string {
  return t(device.kind === "gpu" ? "device.line.gpu" : "device.line.cpu", {
    name: [device.name, device.precision].filter(Boolean).join(", "), reason: device.reason,
  });
}
