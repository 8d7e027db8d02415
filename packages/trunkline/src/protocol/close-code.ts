// Close codes by name. Knows nothing else. With `import * as closeCode` a bundle has the numbers that are used and no more.

export const done = 1000
export const goingAway = 1001
export const abnormal = 1006
export const tooLarge = 1009
export const internalError = 1011
export const serviceRestart = 1012
export const tryAgainLater = 1013
export const badMessage = 4000
export const unauthenticated = 4001
export const forbidden = 4003
export const version = 4006
export const replaced = 4011
export const expired = 4101
export const keepAliveTimeout = 4102
export const rateLimited = 4103
export const tooManyConnections = 4104
export const noHello = 4108
export const sequenceBroken = 4110
export const leaving = 4201
export const slowConsumer = 4202

/** All of them, for the server. */
export const closeCode = {
  done,
  goingAway,
  abnormal,
  tooLarge,
  internalError,
  serviceRestart,
  tryAgainLater,
  badMessage,
  unauthenticated,
  forbidden,
  version,
  replaced,
  expired,
  keepAliveTimeout,
  rateLimited,
  tooManyConnections,
  noHello,
  sequenceBroken,
  leaving,
  slowConsumer,
} as const
