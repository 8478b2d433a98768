"""The language of what is said and drawn."""

import pytest

from kernels import language

TABLE = {"step {k} of {total}": "paso {k} de {total}"}
VALUES = {"k": 3, "total": 1000}


def test_texts_are_english_unless_another_language_is_spoken():
    assert language.spoken("step {k} of {total:,}", {}, VALUES) == "step 3 of 1,000"
    with language.speaking("es"):
        assert language.spoken("step {k} of {total}", TABLE, VALUES) == "paso 3 de 1000"
        with language.speaking("en"):
            assert language.spoken("step {k} of {total}", TABLE, VALUES) == "step 3 of 1000"
        assert language.spoken("step {k} of {total}", TABLE, VALUES) == "paso 3 de 1000"
    assert language.spoken("step {k} of {total}", TABLE, VALUES) == "step 3 of 1000"


def test_the_language_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), language.speaking("es"):
        1 / 0  # noqa: B018
    assert language.state["language"] == "en"


def test_a_text_that_is_not_in_the_table_is_no_text():
    with language.speaking("es"), pytest.raises(KeyError, match="another"):
        language.spoken("another", TABLE, {})


@pytest.mark.parametrize("wrong", ["fr", "EN", "", None])
def test_other_languages_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=r"language is .*; accepted: 'en', 'es'"):
        language.speak(wrong)
    assert language.state["language"] == "en"
