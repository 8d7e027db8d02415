// The fan-out floor is read by the client that reads arrays.
export { connect } from '../raw-batched/client.ts'
