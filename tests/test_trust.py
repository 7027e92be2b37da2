from lhl.trust import trusting_configs, trusting_names, trusts


def test_nothing_is_trusted_unless_the_user_says_so_and_only_in_the_block():
    assert not trusts() and not trusts('a.B')
    with trusting_configs(False):
        assert not trusts()
    with trusting_configs(), trusting_configs(False):  # does not take back what was said
        assert trusts() and trusts('a.B')
    assert not trusts()


def test_single_names_are_trusted_beside_all():
    with trusting_names({'a.B'}), trusting_names({'c.D'}):
        assert trusts('a.B') and trusts('c.D') and not trusts('e.F') and not trusts()
        with trusting_configs():
            assert trusts('e.F')
    assert not trusts('a.B')
