/**
 * etcdserverpb.Auth. Passwords never reach the log: they are hashed and compared here, before, by a port that takes its
 * time elsewhere. Who may call what stands in the rules of the gate, and once more where commands are applied.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { utf8Encode } from "@quorate/base";
import { type AuthAccess, type AuthAction, type AuthPermission, type Principal, rootName } from "@quorate/kv";
import { type Permission, Permission_Type as PermissionType } from "#generated/authpb_pb.js";
import {
  AuthDisableResponseSchema,
  AuthEnableResponseSchema,
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleAddResponseSchema,
  AuthRoleDeleteRequestSchema,
  AuthRoleDeleteResponseSchema,
  AuthRoleGetRequestSchema,
  AuthRoleGetResponseSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleGrantPermissionResponseSchema,
  AuthRoleListResponseSchema,
  AuthRoleRevokePermissionRequestSchema,
  AuthRoleRevokePermissionResponseSchema,
  AuthStatusResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserAddResponseSchema,
  AuthUserChangePasswordRequestSchema,
  AuthUserChangePasswordResponseSchema,
  AuthUserDeleteRequestSchema,
  AuthUserDeleteResponseSchema,
  AuthUserGetRequestSchema,
  AuthUserGetResponseSchema,
  AuthUserGrantRoleRequestSchema,
  AuthUserGrantRoleResponseSchema,
  AuthUserListResponseSchema,
  AuthUserRevokeRoleRequestSchema,
  AuthUserRevokeRoleResponseSchema,
  type ResponseHeaderSchema,
} from "#generated/etcdserverpb_pb.js";
import type { UnaryApiCall } from "../ports.ts";
import { Authenticator } from "./authenticator.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail, failUnknown, failWith } from "./failures.ts";

/** Longest name of a user or a role, as the log takes it. */
const nameBytesMax = 64 * 1024;
/** bcrypt takes no more; whoever trusts in the rest would be wrong. */
const passwordBytesMax = 72;
/** ETCD: the text of its bcrypt. */
const passwordTooLong = "bcrypt: password length exceeds 72 bytes";

/** What every answer of this service can hold alone. */
type HeaderOnly = DescMessage & {
  readonly fields: readonly { readonly localName: string }[];
};

type Header = MessageInitShape<typeof ResponseHeaderSchema>;

const accesses: ReadonlyMap<PermissionType, AuthAccess> = new Map([
  [PermissionType.READ, "read"],
  [PermissionType.WRITE, "write"],
  [PermissionType.READWRITE, "read-write"],
]);

/** Access control, through one member. */
export class AuthService {
  readonly #context: ApiContext;
  readonly #authenticator: Authenticator;

  constructor(context: ApiContext) {
    this.#context = context;
    this.#authenticator = new Authenticator(context);
  }

  /** The methods of the service by name. */
  handlers(): readonly (readonly [string, (input: Uint8Array, call: UnaryApiCall) => void])[] {
    return [
      ["AuthEnable", (_input, call) => this.#change(call, { op: "enable" }, AuthEnableResponseSchema)],
      ["AuthDisable", (_input, call) => this.#change(call, { op: "disable" }, AuthDisableResponseSchema)],
      ["AuthStatus", (_input, call) => this.#status(call)],
      ["Authenticate", (input, call) => this.#authenticate(input, call)],
      ["UserAdd", (input, call) => this.#addUser(input, call)],
      ["UserGet", (input, call) => this.#getUser(input, call)],
      ["UserList", (_input, call) => this.#listUsers(call)],
      ["UserDelete", (input, call) => this.#deleteUser(input, call)],
      ["UserChangePassword", (input, call) => this.#changePassword(input, call)],
      ["UserGrantRole", (input, call) => this.#grantRole(input, call)],
      ["UserRevokeRole", (input, call) => this.#revokeRole(input, call)],
      ["RoleAdd", (input, call) => this.#addRole(input, call)],
      ["RoleGet", (input, call) => this.#getRole(input, call)],
      ["RoleList", (_input, call) => this.#listRoles(call)],
      ["RoleDelete", (input, call) => this.#deleteRole(input, call)],
      ["RoleGrantPermission", (input, call) => this.#grantPermission(input, call)],
      ["RoleRevokePermission", (input, call) => this.#revokePermission(input, call)],
    ];
  }

  #status(call: UnaryApiCall): void {
    if (!this.#context.admit(call, false)) {
      return;
    }
    this.#context.readBarrier(call, () => {
      const { enabled, revision } = this.#context.options.store.auth;
      const message = { header: this.#header(), enabled, authRevision: BigInt(revision) };
      call.respond(toBinary(AuthStatusResponseSchema, create(AuthStatusResponseSchema, message)));
    });
  }

  #authenticate(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthenticateRequestSchema);
    if (request !== null && this.#fits(call, request.name)) {
      this.#authenticator.authenticate(call, request.name, request.password, (token) => {
        const message = create(AuthenticateResponseSchema, { header: this.#header(), token });
        call.respond(toBinary(AuthenticateResponseSchema, message));
      });
    }
  }

  #addUser(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthUserAddRequestSchema);
    if (request === null || !this.#fits(call, request.name)) {
      return;
    }
    const add = (passwordHash: string | null): void =>
      this.#change(call, { op: "user-add", user: request.name, passwordHash }, AuthUserAddResponseSchema);
    if (request.options?.noPassword === true) {
      add(null);
    } else {
      this.#hash(call, request.password, add);
    }
  }

  #changePassword(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthUserChangePasswordRequestSchema);
    if (request !== null && this.#fits(call, request.name)) {
      this.#hash(call, request.password, (passwordHash) => {
        const action = { op: "user-change-password", user: request.name, passwordHash } as const;
        this.#change(call, action, AuthUserChangePasswordResponseSchema);
      });
    }
  }

  #deleteUser(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthUserDeleteRequestSchema);
    if (request !== null && this.#fits(call, request.name)) {
      this.#change(call, { op: "user-delete", user: request.name }, AuthUserDeleteResponseSchema);
    }
  }

  #grantRole(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthUserGrantRoleRequestSchema);
    if (request !== null && this.#fits(call, request.user, request.role)) {
      const action = { op: "user-grant-role", user: request.user, role: request.role } as const;
      this.#change(call, action, AuthUserGrantRoleResponseSchema);
    }
  }

  #revokeRole(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthUserRevokeRoleRequestSchema);
    if (request !== null && this.#fits(call, request.name, request.role)) {
      const action = { op: "user-revoke-role", user: request.name, role: request.role } as const;
      this.#change(call, action, AuthUserRevokeRoleResponseSchema);
    }
  }

  /** ETCD: everybody may look at itself. */
  #getUser(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthUserGetRequestSchema);
    if (request === null) {
      return;
    }
    const isOwn: IsOwn = (principal) => principal.name === request.name;
    this.#read(call, isOwn, () => {
      const user = this.#context.options.store.auth.user(request.name);
      if (user === null) {
        failWith(call, "KV_USER_NOT_FOUND");
        return;
      }
      const message = create(AuthUserGetResponseSchema, { header: this.#header(), roles: [...user.roles] });
      call.respond(toBinary(AuthUserGetResponseSchema, message));
    });
  }

  #listUsers(call: UnaryApiCall): void {
    this.#read(call, nobodys, () => {
      const users = this.#context.options.store.auth.users().map(({ name }) => name);
      const message = create(AuthUserListResponseSchema, { header: this.#header(), users });
      call.respond(toBinary(AuthUserListResponseSchema, message));
    });
  }

  #addRole(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthRoleAddRequestSchema);
    if (request !== null && this.#fits(call, request.name)) {
      this.#change(call, { op: "role-add", role: request.name }, AuthRoleAddResponseSchema);
    }
  }

  #deleteRole(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthRoleDeleteRequestSchema);
    if (request !== null && this.#fits(call, request.role)) {
      this.#change(call, { op: "role-delete", role: request.role }, AuthRoleDeleteResponseSchema);
    }
  }

  /** ETCD: everybody may look at its own roles. */
  #getRole(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthRoleGetRequestSchema);
    if (request === null) {
      return;
    }
    const { auth } = this.#context.options.store;
    const isOwn: IsOwn = ({ name }) => auth.user(name)?.roles.includes(request.role) === true;
    this.#read(call, isOwn, () => {
      const role = auth.role(request.role);
      if (role === null) {
        failWith(call, "KV_ROLE_NOT_FOUND");
        return;
      }
      const permissions = role.name === rootName ? [everything] : role.permissions;
      const message = { header: this.#header(), perm: permissions.map(permissionMessage) };
      call.respond(toBinary(AuthRoleGetResponseSchema, create(AuthRoleGetResponseSchema, message)));
    });
  }

  #listRoles(call: UnaryApiCall): void {
    this.#read(call, nobodys, () => {
      const roles = this.#context.options.store.auth.roles().map(({ name }) => name);
      const message = create(AuthRoleListResponseSchema, { header: this.#header(), roles });
      call.respond(toBinary(AuthRoleListResponseSchema, message));
    });
  }

  #grantPermission(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthRoleGrantPermissionRequestSchema);
    if (request === null || !this.#fits(call, request.name)) {
      return;
    }
    const access = accesses.get(request.perm?.permType ?? PermissionType.READ);
    if (request.perm === undefined) {
      failWith(call, "KV_PERMISSION_NOT_GIVEN");
    } else if (access === undefined) {
      // ETCD: differs, which keeps a permission of an unknown kind, for nothing.
      failWith(call, "KV_INVALID_AUTH_MGMT");
    } else {
      const { key, rangeEnd } = request.perm;
      const permission = { access, key, rangeEnd };
      const action = { op: "role-grant-permission", role: request.name, permission } as const;
      this.#change(call, action, AuthRoleGrantPermissionResponseSchema);
    }
  }

  #revokePermission(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, AuthRoleRevokePermissionRequestSchema);
    if (request !== null && this.#fits(call, request.role)) {
      const { key, rangeEnd, role } = request;
      const action = { op: "role-revoke-permission", role, key, rangeEnd } as const;
      this.#change(call, action, AuthRoleRevokePermissionResponseSchema);
    }
  }

  #decode<D extends DescMessage>(call: UnaryApiCall, input: Uint8Array, schema: D): MessageShape<D> | null {
    const request = decodeOrFail(call, input, (bytes) => decodeMessage(() => fromBinary(schema, bytes)));
    return request !== null && this.#context.admit(call, false) ? request : null;
  }

  /** Whether the names are short enough for the log; otherwise `call` failed. */
  #fits(call: UnaryApiCall, ...names: readonly string[]): boolean {
    const fits = names.every((name) => utf8Encode(name).length <= nameBytesMax);
    if (!fits) {
      failWith(call, "KV_REQUEST_TOO_LARGE");
    }
    return fits;
  }

  #hash(call: UnaryApiCall, password: string, hashed: (hash: string) => void): void {
    if (utf8Encode(password).length > passwordBytesMax) {
      failUnknown(call, passwordTooLong);
    } else {
      this.#authenticator.hash(call, password, hashed);
    }
  }

  #change<D extends HeaderOnly>(call: UnaryApiCall, action: AuthAction, schema: D): void {
    if (call.ended || !this.#context.admit(call, false)) {
      return;
    }
    const command = this.#context.encode({ type: "auth", ...action });
    // `as`: every answer to a change is a header and nothing else.
    this.#context.submitMessage(call, command, () =>
      toBinary(schema, create(schema, { header: this.#header() } as unknown as MessageInitShape<D>)),
    );
  }

  /** Answers behind a barrier whoever administers, or asks for what is its own. */
  #read(call: UnaryApiCall, isOwn: IsOwn, answer: () => void): void {
    if (this.#context.admit(call, false)) {
      this.#context.readBarrier(call, () => this.#answer(call, isOwn, answer));
    }
  }

  #answer(call: UnaryApiCall, isOwn: IsOwn, answer: () => void): void {
    const { auth } = this.#context;
    const principal = auth.principalOf(call);
    const refused = principal?.kind === "user" && isOwn(principal) ? null : auth.refuseAdmin(call);
    if (refused === null) {
      answer();
    } else {
      auth.reconsider(call, refused, () => this.#answer(call, isOwn, answer));
    }
  }

  #header(): Header {
    return this.#context.messageHeader(this.#context.options.store.revision);
  }
}

/** Whether what is asked for is the caller's own. */
type IsOwn = (principal: Extract<Principal, { readonly kind: "user" }>) => boolean;

const nobodys: IsOwn = () => false;

/** ETCD: what the role of root may do, as it is shown. */
const everything: AuthPermission = {
  access: "read-write",
  key: new Uint8Array(0),
  rangeEnd: new Uint8Array(1),
};

const permTypes: { readonly [A in AuthAccess]: PermissionType } = {
  read: PermissionType.READ,
  write: PermissionType.WRITE,
  "read-write": PermissionType.READWRITE,
};

function permissionMessage({ access, key, rangeEnd }: AuthPermission): Omit<Permission, "$typeName"> {
  return { permType: permTypes[access], key, rangeEnd };
}
