//! One actor per open flow.
