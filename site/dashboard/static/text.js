// Figures and times as people read them, in the dashboard's time zone.

export const ZONE = document.documentElement.dataset.timezone || "UTC";
export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const NOTHING = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

const isNothing = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);

/** 1204 is "1,204". */
export const count = (value) => (isNothing(value) ? NOTHING : whole.format(value));

/** As `count`, but what has seven digits or more is short: 1240000 is "1.24M". */
export const brief = (value) => (value >= 1e6 ? compact.format(value) : count(value));

/** Seconds: "4.2 s", "2 m 14 s", "3 h 07 m". */
export const duration = (seconds) => {
  if (isNothing(seconds)) return NOTHING;
  if (seconds < 9.95) return `${tenths.format(seconds)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const two = (part) => String(part).padStart(2, "0");
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)} m ${two(rounded % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 6000) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  return `${brief(seconds / 3600)} h`;
};

/** Seconds on an axis, in one unit: "30 s", "2 min", "1.5 h". */
export const mark = (seconds) => {
  if (seconds < 60) return `${tenths.format(seconds)} s`;
  return seconds < 3600 ? `${tenths.format(seconds / 60)} min` : `${tenths.format(seconds / 3600)} h`;
};

/** "12 %", "0.4 %"; what is nearly nothing or nearly all is not called 0 or 100: "< 0.1 %", "99.9 %". */
export const percent = (value) => {
  if (isNothing(value)) return NOTHING;
  if (value > 0 && value < 0.05) return "< 0.1 %";
  if (value > 99 && value < 100) return `${tenths.format(Math.floor(value * 10) / 10)} %`;
  return `${value < 10 ? tenths.format(value) : whole.format(value)} %`;
};

/** A value in the unit that its column names. */
export const inUnit = (value, unit) => {
  if (isNothing(value)) return NOTHING;
  if (unit === "s") return duration(value);
  if (unit === "%") return percent(value);
  if (unit === "time") return moment(value);
  return typeof value === "number" ? (Number.isInteger(value) ? count(value) : tenths.format(value)) : String(value);
};

const formats = new Map();
const formatted = (value, options) => {
  const key = JSON.stringify(options);
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, ...options }));
  }
  return formats.get(key).format(new Date(value));
};

/** "24 Nov 2026, 14:02". */
export const moment = (value) =>
  formatted(value, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

/** "24 Nov, 14:02". */
export const recently = (value) =>
  formatted(value, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** "24 Nov 2026". */
export const day = (value) =>
  formatted(value, { day: "numeric", month: "short", year: "numeric" });

/** The date by the clocks of the zone, as "2026-11-24". */
export const dateOf = (value) => new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE }).format(new Date(value));

/** "14:02:31". */
export const clock = (value) =>
  formatted(value, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** "14:02:31.250". */
export const exact = (value) =>
  formatted(value, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

const DAY = { day: "numeric", month: "short", year: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit" };

/** From when until when, in days, the last one included: "30 Oct – 26 Nov 2026"; a short one in hours
 *  too. */
export const period = (since, until) => {
  const [begin, end] = [new Date(since), new Date(until)];
  const isShort = end - begin <= 172_800_000;
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, ...DAY, ...(isShort ? TIME : {}) });
  return format.formatRange(begin, isShort ? end : new Date(end - 1));
};

const local = (options) => {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  return (text) => format.format(new Date(`${text}Z`));
};

/** A day by the clocks of the zone, as "2026-11-24T00:00": "Tue, 24 Nov". */
export const dayOf = local({ weekday: "short", day: "numeric", month: "short" });

/** The week that begins with it: "week of 23 Nov". */
export const weekOf = (text) => `week of ${weekDay(text)}`;
const weekDay = local({ day: "numeric", month: "short" });

/** An hour of it: "Tue, 14:00". */
export const hourOf = local({ weekday: "short", hour: "2-digit", minute: "2-digit" });

/** How long ago, in one unit: "4 s ago", "3 min ago", "2 h ago". */
export const ago = (milliseconds) => {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
};

/** The last part of a view's dotted name; as many parts as tell it from the `others`. */
export const short = (view, others = []) => {
  const parts = String(view).split(".");
  for (let from = parts.length - 1; from > 0; from -= 1) {
    const end = parts.slice(from).join(".");
    if (!others.some((other) => other !== view && `.${other}`.endsWith(`.${end}`))) return end;
  }
  return String(view);
};
