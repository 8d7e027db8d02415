// Random names for connections and epochs. Knows nothing else.

/** 48 random bits in 12 hexadecimal digits, from the platform: short, since an epoch is part of every event id, and no two in a server's life are equal. */
export const randomId = (): string => crypto.randomUUID().replaceAll('-', '').slice(0, 12)
