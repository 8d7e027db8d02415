// Line drawings on a grid of 20, in the colour of the text around them. For the eye only: whoever uses one gives it words.
const paths = {
  menu: 'M3 5.5h14M3 10h14M3 14.5h9',
  close: 'M5 5l10 10M15 5L5 15',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M15.7 4.3l-1.1 1.1M5.4 14.6l-1.1 1.1',
  moon: 'M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5z',
  keyboard: 'M2.5 5.5h15v9h-15zM5.5 8.5h.01M8.5 8.5h.01M11.5 8.5h.01M14.5 8.5h.01M7 11.7h6',
  leave: 'M8 3.5H4.5v13H8M12.5 6.5L16 10l-3.5 3.5M16 10H8',
  send: 'M3.5 10L17 3.5 12.5 17l-3-5.5zM9.5 11.5L17 3.5',
  down: 'M10 4v12M5 11l5 5 5-5',
  lock: 'M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4.2l2.6 1.6',
  sent: 'M4.5 10.5l4 4 7-8.5',
  delivered: 'M1.5 10.5l4 4 7-8.5M9 13.2l1.3 1.3 7-8.5',
  warning: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.3v4.4M10 13.6v.01',
}

export type IconName = keyof typeof paths

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
