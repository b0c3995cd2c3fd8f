//! Whether a new user becomes a member while registering, and as what.

use uuid::Uuid;

use super::{JoinPolicy, Role};

/// The organization that a registration names, by slug or by invitation, as of one moment.
#[derive(Debug, Clone)]
pub struct Target {
    pub org_id: Uuid,
    pub join_policy: JoinPolicy,
    pub has_members: bool,
    /// The user's own role, where the user has joined already.
    pub role: Option<Role>,
    /// The open invitation for that e-mail that the token is for.
    pub invited: Option<Invited>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invited {
    pub id: Uuid,
    pub role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Asked again: the answer is the same.
    Already(Role),
    Admit {
        role: Role,
        using: Option<Uuid>,
    },
    Refuse,
}

/// Decides. `with_token`: a token was given, which is then never ignored: where it does not fit, the answer is no.
pub fn decide(target: &Target, with_token: bool) -> Decision {
    if let Some(role) = target.role {
        return Decision::Already(role);
    }
    let role = match (target.invited, target.join_policy) {
        (Some(invited), _) => invited.role,
        (None, JoinPolicy::Open) if !with_token => Role::Member,
        (None, JoinPolicy::Open | JoinPolicy::InviteOnly) => return Decision::Refuse,
    };
    Decision::Admit {
        // Somebody has to run it: the first one does.
        role: if target.has_members { role } else { Role::Admin },
        using: target.invited.map(|invited| invited.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(join_policy: JoinPolicy) -> Target {
        Target { org_id: Uuid::nil(), join_policy, has_members: true, role: None, invited: None }
    }

    #[test]
    fn an_open_organization_takes_everyone_and_its_first_as_admin() {
        let open = target(JoinPolicy::Open);
        assert_eq!(decide(&open, false), Decision::Admit { role: Role::Member, using: None });
        let empty = Target { has_members: false, ..open };
        assert_eq!(decide(&empty, false), Decision::Admit { role: Role::Admin, using: None });
    }

    #[test]
    fn an_invitation_gives_its_role_and_is_used() {
        let invited = Invited { id: Uuid::now_v7(), role: Role::Admin };
        for policy in [JoinPolicy::Open, JoinPolicy::InviteOnly] {
            let target = Target { invited: Some(invited), ..target(policy) };
            let expected = Decision::Admit { role: Role::Admin, using: Some(invited.id) };
            assert_eq!(decide(&target, true), expected);
        }
    }

    #[test]
    fn without_a_fitting_invitation_the_door_stays_shut() {
        assert_eq!(decide(&target(JoinPolicy::InviteOnly), false), Decision::Refuse);
        assert_eq!(decide(&target(JoinPolicy::InviteOnly), true), Decision::Refuse);
        assert_eq!(decide(&target(JoinPolicy::Open), true), Decision::Refuse, "a bad token is not ignored");
    }

    #[test]
    fn asked_again_it_answers_the_same() {
        let joined = Target { role: Some(Role::Admin), ..target(JoinPolicy::InviteOnly) };
        assert_eq!(decide(&joined, false), Decision::Already(Role::Admin));
        assert_eq!(decide(&joined, true), Decision::Already(Role::Admin));
    }
}
